"""Blueprints: subgraphs of the pack, which the node library of the editor offers as single nodes."""

import json

import pytest

from ..comfyui.demo import saved_files
from ..comfyui.paths import BLUEPRINTS
from ..comfyui.server import PACK_FOLDER
from ..comfyui.video import frames_of
from ..comfyui.workflow import load_prompt, only, to_prompt

FILES = sorted(BLUEPRINTS.glob("*.json"))
TEXT, IMAGE = "HiGen Text to Video", "HiGen Image to Video"


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def workflow(request):
    """A workflow whose only node is a blueprint; where it needs an image, with Load Image."""
    workflow = json.loads(request.param.read_text())
    (node,) = workflow["nodes"]
    if node["inputs"][0]["type"] == "IMAGE":
        node["inputs"][0]["link"] = 1
        load = {"id": 20, "type": "LoadImage", "inputs": [], "widgets_values": ["higen_panda.png", "image"]}
        workflow["nodes"].append(load | {"outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [1]}]})
        workflow["links"] = [[1, 20, 0, node["id"], 0, "IMAGE"]]
    return workflow


def set_widgets(workflow, **values):
    """Sets widgets on the blueprint's node, as a user does who never opens it."""
    node = workflow["nodes"][0]
    names = [entry["name"] for entry in node["inputs"] if "widget" in entry]
    for name, value in values.items():
        node["widgets_values"][names.index(name)] = value


def test_the_server_lists_the_blueprints_of_this_pack(server):
    entries = server.get("/global_subgraphs").json()
    ours = {key: entry for key, entry in entries.items() if entry["info"]["node_pack"].endswith(PACK_FOLDER)}
    assert {entry["name"]: entry["source"] for entry in ours.values()} == dict.fromkeys((TEXT, IMAGE), "custom_node")
    for key, entry in ours.items():
        data = json.loads(server.get(f"/global_subgraphs/{key}").json()["data"])
        assert data == json.loads((BLUEPRINTS / f"{entry['name']}.json").read_text())


def test_a_blueprint_saves_a_video_with_the_values_on_its_node(server, workflow):
    set_widgets(workflow, prompt="a red ball moving up", frames=8, motion=200, seed=3)
    prompt = to_prompt(workflow, server.object_info())
    run = server.run(prompt, workflow)
    assert run.ending == "success", run.error
    (saved,) = (entry for entry in saved_files(run.outputs) if entry["filename"].endswith(".mp4"))
    assert len(frames_of(server.output_path(saved))) == 8
    texts = [node["inputs"]["text"] for node in prompt.values() if node["class_type"] == "CLIPTextEncode"]
    assert texts == ["a red ball moving up", ""]
    seeds = [node["inputs"]["seed"] for node in prompt.values() if "seed" in node["inputs"]]
    assert set(seeds) == {3}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_values_on_the_node_are_those_inside(server, path):
    """The editor takes its defaults from inside, where both frontends look for them."""
    outside, workflow = load_prompt(path, server.object_info())
    del workflow["nodes"][0]["widgets_values"]
    assert outside == to_prompt(workflow, server.object_info())
    assert outside[only(outside, "HiGenCueSchedule")]["inputs"]["motion"] == -1


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_nodes_inside_do_not_overlap(path):
    (subgraph,) = json.loads(path.read_text())["definitions"]["subgraphs"]
    boxes = [(*node["pos"], *node["size"]) for node in subgraph["nodes"]]
    title = 30  # pixels above a node's position
    for i, (x, y, width, height) in enumerate(boxes):
        for other_x, other_y, other_width, other_height in boxes[:i]:
            apart_x = x >= other_x + other_width or other_x >= x + width
            assert apart_x or y - title >= other_y + other_height or other_y - title >= y + height
