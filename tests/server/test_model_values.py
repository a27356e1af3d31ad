"""Cues that the model cannot follow are refused before anything is sampled, and the model's values before a run."""

import pytest
import requests

from ..comfyui.paths import WORKFLOWS
from ..comfyui.workflow import load_prompt, only, with_inputs

SCHEDULE, VIDEO = "HiGenCueSchedule", "HiGenTemporalSampler"


@pytest.fixture
def prompt(server) -> dict:
    return load_prompt(WORKFLOWS / "text_to_video.json", server.object_info())[0]


def without_link(prompt: dict, class_type: str, name: str) -> dict:
    key = only(prompt, class_type)
    inputs = {k: value for k, value in prompt[key]["inputs"].items() if k != name}
    return prompt | {key: prompt[key] | {"inputs": inputs}}


def test_more_frames_than_a_stock_sampler_can_do_are_told_before_the_prior_is_sampled(server):
    """HiGen Apply Cues knows the model and asks for the prior only once it has checked the cues."""
    prompt, _ = load_prompt(WORKFLOWS / "stock_ksampler.json", server.object_info())
    shown = {key for key, node in prompt.items() if node["class_type"] == "PreviewImage"}
    lone = {key: node for key, node in prompt.items() if key not in shown}  # nothing else needs the prior
    lone = with_inputs(lone, "HiGenApplyCues", model=[only(prompt, "HiGenLoader"), 0])
    run = server.run(with_inputs(lone, SCHEDULE, frames=64))
    assert run.error.startswith("HiGenApplyCues: ValueError: cues are for 64 frames, this model was trained on 16")
    samplers = [key for key, node in lone.items() if node["class_type"] == "KSampler"]
    assert [run.progress(key) for key in samplers] == [[], []]


def test_a_plot_without_a_model_says_what_it_needs_and_the_video_is_made(server, prompt):
    lone = without_link(prompt, SCHEDULE, "model")
    lone["plot"] = {"class_type": "PreviewImage", "inputs": {"images": [only(prompt, SCHEDULE), 1]}}
    run = server.run(with_inputs(lone, VIDEO, steps=1))
    assert "frames, motion, appearance: as the model says, but no model is connected" in run.error
    assert run.outputs[only(prompt, "HiGenVideoCombine")]["higen_video"][0]["frames"] == 16


def test_the_editor_is_told_the_values_of_weights(server):
    info = server.get("/higen/model_info", weights="bundled: mini").json()
    assert (info["frames"], info["fps"], info["width"]) == (16, 8, 64)
    assert info["sampling"] == {
        "steps": 12,
        "sampler": "dpmpp_2m",
        "prior_guidance": 3.0,
        "video_guidance": 2.0,
        "motion": 500,
        "appearance": 0.0,
    }
    assert "panda" in info["vocabulary"]


@pytest.mark.parametrize("weights", ["", "no such file", "../mini/denoiser.safetensors", "auto"])
def test_weights_that_are_not_there_have_no_values(server, weights):
    response = requests.get(f"{server.url}/higen/model_info", params={"weights": weights}, timeout=60)
    assert response.status_code == 404
    assert response.json()["error"]


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", '{"weights": 1, "text": ""}', '{"weights": "", "text": null}', "[" * 9999]
)
def test_a_question_about_a_prompt_in_another_form_is_refused(server, body):
    response = requests.post(f"{server.url}/higen/prompt_notes", data=body, timeout=60)
    assert response.status_code == 400
    assert response.json()["error"].startswith('expected {"weights": name, "text": prompt')


def test_the_editor_is_told_what_to_warn_of_in_a_prompt(server):
    def ask(weights, text):
        return requests.post(f"{server.url}/higen/prompt_notes", json={"weights": weights, "text": text}, timeout=60)

    assert ask("bundled: mini", "a zebra").json() == {"unknown": ["zebra"], "notes": []}
    assert ask("no such file", "a zebra").status_code == 404
    assert ask("bundled: mini", "(" * 9999).status_code in (
        200,
        404,
    )  # ComfyUI reads weights in parentheses recursively
