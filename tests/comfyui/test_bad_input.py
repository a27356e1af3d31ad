"""A bad value in any input of the pack's nodes: an error that names the input, and a server that lives on."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from .paths import WORKFLOWS
from .server import PromptRejectedError
from .workflow import load_prompt, only, with_inputs

TWO_LATENTS = {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 2}}


def complaint(server, prompt: dict) -> str:
    """The error with which ComfyUI refuses or ends a prompt; empty if it runs."""
    try:
        return server.run(prompt).error
    except PromptRejectedError as refusal:
        return str(refusal)


def bad_values(kind: str | list, options: dict, linked: list) -> Iterator[Any]:
    """Values that an input of this type must not accept; `linked` is a link of a type that nothing here takes."""
    if isinstance(kind, list) or kind == "COMBO":
        yield "no such choice"
    elif kind in ("INT", "FLOAT"):
        yield options["min"] - 1
        yield options["max"] + 1
        yield "abc"
        yield "nan"  # float("nan") slips through checks against a minimum and a maximum
    elif kind != "STRING":
        yield linked


@pytest.fixture(scope="module", autouse=True)
def _forgotten(server):
    """The server forgets these prompts: the stock editor cannot read a history with NaN in it."""
    yield
    requests.post(f"{server.url}/history", json={"clear": True}, timeout=30).raise_for_status()


@pytest.fixture(scope="module")
def inputs(server, info) -> list[tuple[dict, str, str, tuple]]:
    """Every input of every node that a workflow uses, once: (prompt, node id, input name, schema)."""
    found = {}
    for path in sorted(WORKFLOWS.glob("*.json")):
        prompt, _ = load_prompt(path, server.object_info())
        for key, node in prompt.items():
            schemas = info.get(node["class_type"], {"input": {}})["input"]
            for group in ("required", "optional"):
                for name, schema in schemas.get(group, {}).items():
                    found.setdefault((node["class_type"], name), (prompt, key, name, schema))
    return list(found.values())


def test_the_workflows_use_every_node(info, inputs):
    assert {prompt[key]["class_type"] for prompt, key, *_ in inputs} == set(info)


def test_each_input_refuses_bad_values_by_name(server, inputs):
    text = {"class_type": "PrimitiveString", "inputs": {"value": "x"}}
    unnamed = []
    for prompt, key, name, (kind, *rest) in inputs:
        node = prompt[key]
        for value in bad_values(kind, rest[0] if rest else {}, ["text", 0]):
            changed = node | {"inputs": node["inputs"] | {name: value}}
            if name not in complaint(server, prompt | {"text": text, key: changed}):
                unnamed.append(f"{node['class_type']}.{name} = {value!r}")
    assert unnamed == []


def test_each_required_input_is_named_when_it_is_missing(server, info, inputs):
    unnamed = []
    for prompt, key, name, _ in inputs:
        node = prompt[key]
        if name not in info[node["class_type"]]["input"]["required"]:
            continue
        rest = {other: value for other, value in node["inputs"].items() if other != name}
        if name not in complaint(server, prompt | {key: node | {"inputs": rest}}):
            unnamed.append(f"{node['class_type']}.{name}")
    assert unnamed == []


@pytest.mark.parametrize(
    "class_type, name, value",
    [
        ("HiGenSpatialPriorSampler", "width", 60),
        ("HiGenSpatialPriorSampler", "height", 60),
        ("HiGenCueSchedule", "motion_curve", "not JSON"),
        ("HiGenCueSchedule", "motion_curve", '{"points": [], "interpolation": "linear"}'),
        ("HiGenCueSchedule", "appearance_curve", '{"points": [[0, 0], [1, 7]], "interpolation": "linear"}'),
        ("HiGenCueSchedule", "appearance_curve", '{"points": [[0, 0], [1, 1]], "interpolation": "wavy"}'),
        ("HiGenCueSchedule", "frames", 1000),
        ("HiGenTemporalSampler", "prior", ["latents", 0]),
        ("HiGenVideoCombine", "filename_prefix", "../../outside"),
    ],
)
def test_values_of_the_right_type_but_the_wrong_kind(server, text_to_video, class_type, name, value):
    prompt = with_inputs(text_to_video[0] | {"latents": TWO_LATENTS}, class_type, **{name: value})
    assert name in complaint(server, prompt)


def test_the_server_survives_and_runs_the_good_prompt(server, text_to_video):
    prompt, workflow = text_to_video
    assert "frames" in complaint(server, with_inputs(prompt, "HiGenCueSchedule", frames=-3))
    assert server.run(prompt, workflow).ending == "success"
    assert only(prompt, "HiGenVideoCombine") in server.run(prompt, workflow).outputs
