"""A model that is compiled as TorchCompileModel does. The backend runs what was traced, without a compiler."""

import pytest
import torch
from comfy_api.torch_helpers import set_torch_compile_wrapper
from einops import rearrange
from higen_pack import higen_core as hg
from higen_pack.nodes.models.model import load_model
from higen_pack.nodes.samplers import HiGenTemporalSampler

from .. import networks

RESPONSE = [[0.0, 0.0], [500.0, 400.0], [1000.0, 1000.0]]
PRIOR = {"samples": torch.randn(1, 4, 4, 4, generator=torch.Generator().manual_seed(5))}


@pytest.fixture
def model(tmp_path):
    path, metadata = tmp_path / "unet.safetensors", networks.METADATA | {"motion_response": RESPONSE}
    return load_model(str(networks.random_file(path, hg.UNet, networks.UNET, **metadata)), "fp32")


def sample(model, motion):
    text = torch.randn(1, 77, networks.TEXT_WIDTH, generator=torch.Generator().manual_seed(1))
    options = {"seed": 3, "steps": 2, "cfg": 2.0, "sampler": "ddim", "cues": hg.Cues.constant(6, motion, 0.0)}
    return HiGenTemporalSampler.execute(model, [[text, {}]], [[0 * text, {}]], prior=PRIOR, **options)[0]["samples"]


@pytest.mark.medium
def test_the_network_is_one_graph_for_all_steps_and_cues(model):
    """Patterns of einops are calls in it: torch would need most of the time for their parser."""
    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return graph.forward

    compiled = model.clone()
    set_torch_compile_wrapper(compiled, backend=backend, fullgraph=True)
    with torch.inference_mode():  # as ComfyUI runs nodes
        for motion in (300, 600):
            torch.testing.assert_close(sample(compiled, motion), sample(model, motion))
    (graph,) = graphs
    assert any(node.target is rearrange for node in graph.graph.nodes)
