"""The schemas of the nodes: names and order that saved workflows depend on, and help for every input and output."""

import asyncio

import pytest
from higen_pack.nodes import HiGenExtension

INPUTS = {
    "HiGenLoader": ["weights", "text_encoder", "vae", "dtype"],
    "HiGenSpatialPriorSampler": [
        *("model", "positive", "negative", "width", "height", "seed", "steps", "cfg", "sampler"),
    ],
    "HiGenCueSchedule": ["frames", "motion", "appearance", "motion_curve", "appearance_curve", "fps"],
    "HiGenTemporalSampler": ["model", "positive", "negative", "prior", "cues", "seed", "steps", "cfg", "sampler"],
    "HiGenVideoCombine": ["images", "fps", "format", "filename_prefix", "audio"],
}
"""In the order of the first release. Workflows store widget values by position: append inputs, never reorder them."""

OUTPUTS = {
    "HiGenLoader": ["HIGEN_MODEL", "CLIP", "VAE"],
    "HiGenSpatialPriorSampler": ["LATENT"],
    "HiGenCueSchedule": ["HIGEN_CUES", "IMAGE"],
    "HiGenTemporalSampler": ["LATENT"],
    "HiGenVideoCombine": ["VIDEO"],
}
NODES = asyncio.run(HiGenExtension().get_node_list())
SCHEMAS = {schema.node_id: schema for schema in (node.define_schema() for node in NODES)}


@pytest.mark.parametrize("node_id", INPUTS)
def test_saved_workflows_stay_valid(node_id):
    names = [entry.id for entry in SCHEMAS[node_id].inputs]
    assert names[: len(INPUTS[node_id])] == INPUTS[node_id]
    assert [output.io_type for output in SCHEMAS[node_id].outputs] == OUTPUTS[node_id]


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


@pytest.mark.parametrize("node", NODES, ids=SCHEMAS)
def test_comfyui_accepts_the_schema(node):
    info = node.GET_NODE_INFO_V1()
    assert info["name"] in SCHEMAS
    assert info["output_node"] == (info["name"] == "HiGenVideoCombine")
