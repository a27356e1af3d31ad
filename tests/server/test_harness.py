"""The harness in tests/comfyui, with stock nodes: runs are followed, errors reported, workflows converted."""

import pytest

from ..comfyui.server import ComfyServer, PromptRejectedError, ServerError
from ..comfyui.workflow import to_prompt


def image_prompt(width=64, prefix="harness"):
    return {
        "1": {"class_type": "EmptyImage", "inputs": {"width": width, "height": 64, "batch_size": 1, "color": 0}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": prefix}},
    }


def test_a_run_gives_the_saved_file(server):
    run = server.run(image_prompt())
    assert run.ending == "success"
    assert server.output_path(run.outputs["2"]["images"][0]).is_file()


def test_a_cached_run_ends_too(server):
    server.run(image_prompt(prefix="cached"))
    assert server.run(image_prompt(prefix="cached")).ending == "success"


def test_a_rejected_prompt_names_the_input(server):
    with pytest.raises(PromptRejectedError, match="width"):
        server.run(image_prompt(width=-1))


def node(id, type, values=(), inputs=(), outputs=(), mode=0):
    """An editor node; inputs are (name, type, link), outputs are types."""
    inputs = [{"name": name, "type": kind, "link": link} for name, kind, link in inputs]
    outputs = [{"name": kind, "type": kind} for kind in outputs]
    return {"id": id, "type": type, "widgets_values": list(values), "inputs": inputs, "outputs": outputs, "mode": mode}


EMPTY = node(1, "EmptyImage", [48, 32, 1, 0], outputs=["IMAGE"])


def converted(server, nodes, links, **workflow):
    return to_prompt({"nodes": nodes, "links": links} | workflow, server.object_info())


def test_widgets_are_read_in_schema_order_and_links_replace_them(server):
    save = node(2, "SaveImage", ["name"], [("images", "IMAGE", 5)])
    assert converted(server, [EMPTY, save], [[5, 1, 0, 2, 0, "IMAGE"]]) == {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 48, "height": 32, "batch_size": 1, "color": 0}},
        "2": {"class_type": "SaveImage", "inputs": {"filename_prefix": "name", "images": ["1", 0]}},
    }


def test_the_editors_seed_control_is_not_a_value(server):
    values = [7, "randomize", 20, 8.0, "euler", "normal", 1.0]
    inputs = converted(server, [node(3, "KSampler", values)], [])["3"]["inputs"]
    assert inputs == {
        "seed": 7, "steps": 20, "cfg": 8.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0,
    }  # fmt: skip


def test_reroutes_primitives_and_notes_are_not_in_the_prompt(server):
    nodes = [
        EMPTY,
        node(2, "Reroute", inputs=[("", "*", 1)], outputs=["IMAGE"]),
        node(3, "PrimitiveNode", ["from a primitive", "fixed"], outputs=["STRING"]),
        node(4, "Note", ["text"]),
        node(5, "SaveImage", ["own"], [("images", "IMAGE", 2), ("filename_prefix", "STRING", 3)]),
    ]
    links = [[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, 5, 0, "IMAGE"], [3, 3, 0, 5, 1, "STRING"]]
    prompt = converted(server, nodes, links)
    assert set(prompt) == {"1", "5"}
    assert prompt["5"]["inputs"] == {"images": ["1", 0], "filename_prefix": "from a primitive"}


@pytest.mark.parametrize("mode, images", [(2, {}), (4, {"images": ["1", 0]})], ids=["muted", "bypassed"])
def test_muted_nodes_are_removed_and_bypassed_nodes_forward_their_input(server, mode, images):
    invert = node(2, "ImageInvert", inputs=[("image", "IMAGE", 1)], outputs=["IMAGE"], mode=mode)
    save = node(3, "SaveImage", ["x"], [("images", "IMAGE", 2)])
    prompt = converted(server, [EMPTY, invert, save], [[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, 3, 0, "IMAGE"]])
    assert prompt["3"]["inputs"] == {"filename_prefix": "x"} | images
    assert "2" not in prompt


def test_subgraphs_are_flattened(server):
    subgraph = {
        "id": "abc",
        "nodes": [node(9, "ImageInvert", inputs=[("image", "IMAGE", 1)], outputs=["IMAGE"])],
        "links": [
            {"id": 1, "origin_id": -10, "origin_slot": 0, "target_id": 9, "target_slot": 0},
            {"id": 2, "origin_id": 9, "origin_slot": 0, "target_id": -20, "target_slot": 0},
        ],
    }
    nodes = [
        EMPTY,
        node(2, "abc", inputs=[("image", "IMAGE", 1)], outputs=["IMAGE"]),
        node(3, "SaveImage", ["x"], [("images", "IMAGE", 2)]),
    ]
    links = [[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, 3, 0, "IMAGE"]]
    prompt = converted(server, nodes, links, definitions={"subgraphs": [subgraph]})
    assert prompt["2:9"]["inputs"] == {"image": ["1", 0]}
    assert prompt["3"]["inputs"]["images"] == ["2:9", 0]


def test_an_unknown_node_type_is_named(server):
    with pytest.raises(ValueError, match="NoSuchNode"):
        converted(server, [node(1, "NoSuchNode")], [])


def test_a_server_that_stops_is_reported_with_its_log(tmp_path):
    with pytest.raises(ServerError, match="no-such-option"), ComfyServer(tmp_path, options=("--no-such-option",)):
        pass
