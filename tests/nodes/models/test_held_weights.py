"""Weights that ComfyUI casts when a layer runs are cast once a call of the denoiser, however many chunks there are."""

from collections import Counter
from functools import partial
from unittest.mock import Mock

import comfy.ops
import pytest
import torch
from comfy.ops import CastWeightBiasOp
from higen_pack import higen_core as hg
from higen_pack.nodes.models.denoiser import StockUNet
from higen_pack.nodes.models.held_weights import held_weights
from higen_pack.nodes.sampling.frame_cues import FrameCues

from .. import networks

FRAMES, HEIGHT, WIDTH = 4, 4, 6
CUES = FrameCues(hg.Cues.constant(FRAMES), torch.zeros(4, HEIGHT, WIDTH))
CONDITIONS = FrameCues.stack([CUES.conditions(hg.ModelInfo(), None, False, torch.zeros(1))])


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "unet.safetensors"
    return networks.random_file(path, hg.UNet, networks.UNET, **networks.METADATA)


@pytest.fixture
def casts(path):
    """A network whose weights are stored in another dtype, and how often each of them is cast."""
    unet = hg.load_unet(path, torch.bfloat16, build=partial(StockUNet, ops=comfy.ops.manual_cast))
    counts = Counter()

    def counted(name, weight):
        counts[name] += 1
        return weight

    for name, module in unet.named_modules():
        if isinstance(module, CastWeightBiasOp):
            module.weight_function = [partial(counted, name)]
    return unet, counts


def call(unet, chunk=None):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(FRAMES, 4, HEIGHT, WIDTH, generator=generator)
    text = torch.randn(1, 77, networks.TEXT_WIDTH, generator=generator).expand(FRAMES, -1, -1)
    with torch.no_grad():
        return unet(x, torch.full((FRAMES,), 500.0), text, CONDITIONS, chunk)


def test_each_weight_is_cast_once_a_call_in_chunks(casts):
    unet, counts = casts
    whole = call(unet)
    once = dict(counts)
    counts.clear()
    in_chunks = call(unet, chunk=1)
    assert dict(counts) == once
    torch.testing.assert_close(in_chunks, whole, atol=1e-5, rtol=1e-5)


def test_afterwards_the_weights_are_those_of_before(casts):
    unet, counts = casts
    before = {name: (id(value), value.dtype) for name, value in unet.named_parameters()}
    layers = [module for module in unet.modules() if isinstance(module, CastWeightBiasOp)]
    functions = [layer.weight_function for layer in layers]
    call(unet, chunk=1)
    assert {name: (id(value), value.dtype) for name, value in unet.named_parameters()} == before
    assert [layer.weight_function for layer in layers] == functions
    assert all(layer.comfy_cast_weights and not layer._forward_pre_hooks for layer in layers)
    with pytest.raises(RuntimeError), held_weights(unet):
        unet.conv_out(torch.zeros(1, networks.UNET.dim, 4, 4))
        assert unet.conv_out.weight.dtype == torch.float32
        raise RuntimeError
    assert unet.conv_out.weight.dtype == torch.bfloat16
    assert counts["conv_out"] == 2


def test_without_memory_for_the_copies_all_layers_are_those_of_before(casts, monkeypatch):
    unet, _ = casts
    layers = [module for module in unet.modules() if isinstance(module, CastWeightBiasOp)]
    functions = [layer.weight_function for layer in layers]
    monkeypatch.setattr(torch.Tensor, "clone", Mock(side_effect=torch.OutOfMemoryError("no memory")))
    with pytest.raises(torch.OutOfMemoryError, match="no memory"):
        call(unet, chunk=1)
    assert [layer.weight_function for layer in layers] == functions
    assert all(layer.comfy_cast_weights and not layer._forward_pre_hooks for layer in layers)
    assert {weight.dtype for weight in unet.parameters()} == {torch.bfloat16}
