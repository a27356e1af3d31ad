"""The schemas of the nodes: names and order that saved workflows depend on, and help for every input and output."""

import asyncio

import pytest
from comfy_api.latest import io
from higen_pack.nodes import HiGenExtension
from higen_pack.nodes.sampling.settings import OF_MODEL
from higen_pack.nodes.schema import NEWER_FIELDS, known_fields

INPUTS = {
    "HiGenLoader": ["weights", "text_encoder", "vae", "dtype"],
    "HiGenSpatialPriorSampler": [
        *("model", "positive", "negative", "width", "height", "seed", "steps", "cfg", "sampler"),
    ],
    "HiGenImagePrior": ["images", "vae", "model", "mask", "width", "height", "fit", "background"],
    "HiGenPriorTrack": [*(f"prior_{i}" for i in range(1, 7)), "times", "keep"],
    "HiGenCueExtractor": [
        *("model", "images", "video", "clip_vision", "images_fps", "frames", "span", "start", "blur", "cuts"),
        *("encoder", "similarity_floor", "motion_scale"),
    ],
    "HiGenCueSchedule": [
        *("frames", "motion", "appearance", "motion_curve", "appearance_curve", "fps"),
        *("motion_from", "appearance_from", "motion_strength", "appearance_strength"),
        *("motion_curve_from", "appearance_curve_from", "model", "mask", "outside"),
    ],
    "HiGenTemporalSampler": [
        *("model", "positive", "negative", "prior", "cues", "seed", "steps", "cfg", "sampler"),
        *("prior_strength", "appearance_cfg", "context_length", "context_overlap", "loop", "match", "vae"),
    ],
    "HiGenApplyCues": ["positive", "negative", "cues", "prior", "prior_strength", "model"],
    "HiGenVideoNoise": ["model", "cues", "noise_seed"],
    "HiGenGuider": [
        *("model", "positive", "negative", "cfg", "appearance_cfg"),
        *("cfg_start", "cfg_end", "appearance_start", "appearance_end"),
    ],
    "HiGenVideoCombine": ["images", "fps", "format", "filename_prefix", "audio", "model"],
    "HiGenAudioMotion": ["audio", "measure", "frames", "fps", "start", "low", "high", "decay", "model"],
    "HiGenAccelerate": [
        *("model", "preset", "guidance_every", "guidance_order", "guidance_start", "guidance_end", "agreement"),
        *("evaluate_every", "order", "gate"),
    ],
}
"""In the order of their release. Workflows store widget values by position: append inputs, never reorder them."""

CHOICES = {
    ("HiGenLoader", "dtype"): ["auto", "fp32", "bf16", "fp16"],
    ("HiGenSpatialPriorSampler", "sampler"): ["model default", "ddim", "dpmpp_2m"],
    ("HiGenTemporalSampler", "sampler"): ["model default", "ddim", "dpmpp_2m"],
    ("HiGenImagePrior", "fit"): ["crop", "pad", "stretch"],
    ("HiGenCueExtractor", "span"): ["from start, at the model's rate", "whole footage, fitted to the length"],
    ("HiGenCueExtractor", "cuts"): ["keep", "mask"],
    ("HiGenAudioMotion", "measure"): ["loudness", "onsets"],
    ("HiGenAccelerate", "preset"): ["exact", "balanced", "fast"],
    ("HiGenVideoCombine", "format"): ["h264-mp4", "vp9-webm", "gif", "webp", "png frames"],
}
"""Saved workflows contain these values: more may be added, none renamed."""

OUTPUTS = {
    "HiGenLoader": ["MODEL", "CLIP", "VAE"],
    "HiGenSpatialPriorSampler": ["LATENT"],
    "HiGenImagePrior": ["LATENT"],
    "HiGenPriorTrack": ["LATENT"],
    "HiGenCueExtractor": ["HIGEN_CUES", "IMAGE"],
    "HiGenCueSchedule": ["HIGEN_CUES", "IMAGE", "CURVE", "CURVE"],
    "HiGenTemporalSampler": ["LATENT"],
    "HiGenApplyCues": ["CONDITIONING", "CONDITIONING", "LATENT"],
    "HiGenVideoNoise": ["NOISE"],
    "HiGenGuider": ["GUIDER"],
    "HiGenVideoCombine": ["VIDEO"],
    "HiGenAudioMotion": ["HIGEN_CUES", "CURVE", "IMAGE"],
    "HiGenAccelerate": ["MODEL"],
}
KNOWN = io.Schema.__dataclass_fields__
ADVANCED = [
    ("HiGenLoader", "dtype"),
    ("HiGenCueSchedule", "fps"),
    ("HiGenTemporalSampler", "prior_strength"),
    ("HiGenTemporalSampler", "appearance_cfg"),
    *(("HiGenGuider", f"{guidance}_{end}") for guidance in ("cfg", "appearance") for end in ("start", "end")),
    *(("HiGenAccelerate", name) for name in ("guidance_every", "agreement", "evaluate_every", "gate")),
    *(("HiGenCueExtractor", name) for name in ("blur", "similarity_floor", "motion_scale")),
]
ALIASES = [
    ("HiGenLoader", "load checkpoint"),
    ("HiGenSpatialPriorSampler", "text to video"),
    ("HiGenTemporalSampler", "t2v"),
    ("HiGenApplyCues", "ksampler"),
    ("HiGenVideoNoise", "random noise"),
    ("HiGenGuider", "cfg guider"),
    ("HiGenCueSchedule", "motion curve"),
    ("HiGenCueExtractor", "motion transfer"),
    ("HiGenImagePrior", "image to video"),
    ("HiGenVideoCombine", "save video"),
    ("HiGenAudioMotion", "audio reactive"),
    ("HiGenAccelerate", "faster"),
]
NODES = asyncio.run(HiGenExtension().get_node_list())
SCHEMAS = {schema.node_id: schema for schema in (node.define_schema() for node in NODES)}


@pytest.mark.parametrize("node_id", INPUTS)
def test_saved_workflows_stay_valid(node_id):
    names = [entry.id for entry in SCHEMAS[node_id].inputs]
    assert names[: len(INPUTS[node_id])] == INPUTS[node_id]
    assert [output.io_type for output in SCHEMAS[node_id].outputs] == OUTPUTS[node_id]


def test_every_node_is_pinned():
    assert INPUTS.keys() == OUTPUTS.keys() == SCHEMAS.keys()


@pytest.mark.parametrize(("node_id", "name"), CHOICES)
def test_saved_choices_stay_valid(node_id, name):
    (options,) = [entry.options for entry in SCHEMAS[node_id].inputs if entry.id == name]
    assert set(CHOICES[node_id, name]) <= set(options)


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_every_input_and_output_has_a_tooltip(schema):
    assert schema.category == "HiGen"
    assert schema.display_name.startswith("HiGen ")
    assert len(schema.description) > 40
    for entry in [*schema.inputs, *schema.outputs]:
        assert entry.tooltip, f"{schema.node_id}.{entry.id} has no tooltip"


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_numbers_have_a_default_inside_their_bounds(schema):
    for entry in schema.inputs:
        if entry.io_type in ("INT", "FLOAT"):
            assert entry.min <= entry.default <= entry.max, f"{schema.node_id}.{entry.id}"


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_what_suits_the_model_is_the_default(schema):
    """But for the rate of frames that are given to the extractor, which knows that of its model from elsewhere."""
    for entry in schema.inputs:
        if entry.id in OF_MODEL:
            assert entry.default == OF_MODEL[entry.id], f"{schema.node_id}.{entry.id}"
        if entry.id in ("width", "height"):
            assert entry.default == 0


@pytest.mark.parametrize("node", NODES, ids=SCHEMAS)
def test_comfyui_accepts_the_schema(node):
    info = node.GET_NODE_INFO_V1()
    assert info["name"] in SCHEMAS
    assert info["output_node"] == (info["name"] == "HiGenVideoCombine")


def info(node_id):
    """What /object_info says of a node."""
    (node,) = [node for node in NODES if node.define_schema().node_id == node_id]
    return node.GET_NODE_INFO_V1()


def options(node_id):
    """(options, name) of every input."""
    inputs = info(node_id)["input"]
    return {name: spec[1] for group in ("required", "optional") for name, spec in inputs.get(group, {}).items()}


@pytest.mark.parametrize(("node_id", "name"), ADVANCED)
def test_inputs_that_are_rarely_set_are_advanced(node_id, name):
    assert options(node_id)[name]["advanced"] is True


@pytest.mark.parametrize(("node_id", "name"), [("HiGenCueSchedule", "motion"), ("HiGenVideoCombine", "fps")])
def test_the_others_are_not(node_id, name):
    assert not options(node_id)[name].get("advanced")


@pytest.mark.skipif("search_aliases" not in KNOWN, reason="this ComfyUI has no search aliases")
@pytest.mark.parametrize(("node_id", "alias"), ALIASES)
def test_other_words_find_a_node(node_id, alias):
    assert alias in info(node_id)["search_aliases"]


@pytest.mark.skipif("has_intermediate_output" not in KNOWN, reason="this ComfyUI has no intermediate outputs")
@pytest.mark.parametrize("node_id", ["HiGenCueSchedule", "HiGenCueExtractor"])
def test_what_a_node_shows_of_its_run_survives_a_reload_of_the_page(node_id):
    assert info(node_id)["has_intermediate_output"] is True


def test_fields_that_this_comfyui_does_not_know_are_left_out():
    fields = dict.fromkeys(NEWER_FIELDS)
    assert known_fields(**fields).keys() == fields.keys() & KNOWN.keys()
    with pytest.raises(TypeError, match="display"):
        known_fields(display="x")


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_nodes_whose_answer_names_them_do_not_share_it(schema):
    assert schema.not_idempotent == (io.Hidden.unique_id in (schema.hidden or []))
