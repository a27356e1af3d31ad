"""An invalid value in any input of the nodes gives an error that names the input, and the server keeps running."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from ..comfyui.paths import WORKFLOWS
from ..comfyui.server import PromptRejectedError
from ..comfyui.workflow import load_prompt, only, with_inputs

TWO_LATENTS = {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 2}}


def error_of(server, prompt: dict) -> str:
    """The error with which ComfyUI rejects or ends a prompt; empty if it succeeds."""
    try:
        return server.run(prompt).error
    except PromptRejectedError as error:
        return str(error)


def invalid_values(kind: str | list, options: dict, string_link: list) -> Iterator[Any]:
    """Values that an input of this type must reject; `string_link` is a link to an output of type STRING."""
    if isinstance(kind, list) or kind == "COMBO":
        yield "no such choice"
    elif kind in ("INT", "FLOAT"):
        yield options["min"] - 1
        yield options["max"] + 1
        yield "abc"
        yield "nan"  # NaN passes comparisons with a minimum and a maximum
    elif kind != "STRING":
        yield string_link


@pytest.fixture(scope="module", autouse=True)
def _clear_history(server):
    """Removes these prompts from the server: the stock editor cannot read a history that contains NaN."""
    yield
    requests.post(f"{server.url}/history", json={"clear": True}, timeout=30).raise_for_status()


@pytest.fixture(scope="module")
def inputs(server, info) -> list[tuple[dict, str, str, tuple]]:
    """Every input of every node that a workflow uses, once: (prompt, node id, input name, schema)."""
    entries = {}
    for path in sorted(WORKFLOWS.glob("*.json")):
        prompt, _ = load_prompt(path, server.object_info())
        for key, node in prompt.items():
            schemas = info.get(node["class_type"], {"input": {}})["input"]
            for group in ("required", "optional"):
                for name, schema in schemas.get(group, {}).items():
                    entries.setdefault((node["class_type"], name), (prompt, key, name, schema))
    return list(entries.values())


def test_the_workflows_use_every_node(info, inputs):
    assert {prompt[key]["class_type"] for prompt, key, *_ in inputs} == set(info)


def test_each_input_rejects_invalid_values_by_name(server, inputs):
    text = {"class_type": "PrimitiveString", "inputs": {"value": "x"}}
    unnamed = []
    for prompt, key, name, (kind, *rest) in inputs:
        node = prompt[key]
        for value in invalid_values(kind, rest[0] if rest else {}, ["text", 0]):
            changed = node | {"inputs": node["inputs"] | {name: value}}
            if name not in error_of(server, prompt | {"text": text, key: changed}):
                unnamed.append(f"{node['class_type']}.{name} = {value!r}")
    assert unnamed == []


def test_each_required_input_is_named_when_it_is_missing(server, info, inputs):
    unnamed = []
    for prompt, key, name, _ in inputs:
        node = prompt[key]
        if name not in info[node["class_type"]]["input"]["required"]:
            continue
        remaining = {k: value for k, value in node["inputs"].items() if k != name}
        if name not in error_of(server, prompt | {key: node | {"inputs": remaining}}):
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
        ("HiGenCueSchedule", "frames", 1025),
        ("HiGenTemporalSampler", "prior", ["latents", 0]),
        ("HiGenVideoCombine", "filename_prefix", "../../outside"),
    ],
)
def test_an_invalid_value_of_the_right_type_is_rejected_by_name(server, text_to_video, class_type, name, value):
    prompt = with_inputs(text_to_video[0] | {"latents": TWO_LATENTS}, class_type, **{name: value})
    assert name in error_of(server, prompt)


def test_the_server_still_runs_a_valid_prompt(server, text_to_video):
    prompt, workflow = text_to_video
    assert "frames" in error_of(server, with_inputs(prompt, "HiGenCueSchedule", frames=-3))
    assert server.run(prompt, workflow).ending == "success"
    assert only(prompt, "HiGenVideoCombine") in server.run(prompt, workflow).outputs
