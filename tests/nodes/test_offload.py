"""Weights that ComfyUI leaves on the CPU for want of GPU memory; checked without a GPU, on fake tensors."""

import pytest
import torch
from comfy.ops import CastWeightBiasOp
from higen_pack import higen_core as hg
from higen_pack.nodes.model import let_layers_cast, move_lone_parameters
from torch._subclasses.fake_tensor import FakeTensorMode

from . import networks

FRAMES, HEIGHT, WIDTH = 4, 4, 6


@pytest.fixture
def gpu():
    with FakeTensorMode(), torch.no_grad():
        yield torch.device("cuda")


def call(unet, device):
    prior = torch.zeros(1, 4, HEIGHT, WIDTH, device=device)
    return unet(
        torch.zeros(1, 4, FRAMES, HEIGHT, WIDTH, device=device),
        torch.zeros(1, device=device),
        text=torch.zeros(1, 77, networks.TEXT_WIDTH, device=device),
        prior=prior,
        motion=torch.zeros(1, FRAMES - 1, device=device),
        appearance=torch.ones(1, FRAMES, 32, device=device),
    )


@pytest.mark.parametrize("stays", ["every layer", "every other layer", "the last layer"])
def test_layers_on_the_cpu_work_on_the_gpu(gpu, stays):
    unet = hg.UNet(networks.UNET)
    let_layers_cast(unet)
    move_lone_parameters(unet, gpu)
    layers = [module for module in unet.modules() if isinstance(module, CastWeightBiasOp)]
    offloaded = {"every layer": layers, "every other layer": layers[::2], "the last layer": [unet.conv_out]}[stays]
    for layer in layers:
        layer.comfy_cast_weights = layer in offloaded
        for name, parameter in list(layer.named_parameters(recurse=False)):  # fake modules cannot be moved whole
            place = "cpu" if layer in offloaded else gpu
            setattr(layer, name, torch.nn.Parameter(parameter.to(place), requires_grad=False))
    assert call(unet, gpu).device.type == "cuda"
    assert {parameter.device.type for layer in offloaded for parameter in layer.parameters()} == {"cpu"}


def test_a_layer_that_comfyui_did_not_cast_would_be_seen(gpu):
    unet = hg.UNet(networks.UNET)
    with pytest.raises(Exception, match="device"):
        call(unet, gpu)
