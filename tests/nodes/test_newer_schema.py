"""What the graph editor is told beyond names and types, as far as the running ComfyUI knows it."""

import asyncio

import pytest
from comfy_api.latest import io
from higen_pack.nodes import HiGenExtension
from higen_pack.nodes.schema import NEWER_FIELDS, known_fields

NODES = {node.define_schema().node_id: node for node in asyncio.run(HiGenExtension().get_node_list())}
KNOWN = io.Schema.__dataclass_fields__
ADVANCED = [
    ("HiGenCueSchedule", "fps"),
    *(("HiGenCueExtractor", name) for name in ("blur", "similarity_floor", "motion_scale")),
]
ALIASES = [
    ("HiGenCueSchedule", "motion curve"),
    ("HiGenCueExtractor", "motion transfer"),
    ("HiGenImagePrior", "image to video"),
    ("HiGenVideoCombine", "save video"),
]


def info(node_id):
    """What /object_info says of a node."""
    return NODES[node_id].GET_NODE_INFO_V1()


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


@pytest.mark.parametrize("node_id", NODES)
def test_nodes_whose_answer_names_them_do_not_share_it(node_id):
    schema = NODES[node_id].define_schema()
    assert schema.not_idempotent == (io.Hidden.unique_id in (schema.hidden or []))
