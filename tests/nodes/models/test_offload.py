"""Weights that ComfyUI leaves on the CPU when GPU memory is short. Fake tensors stand in for a GPU."""

import pytest
import torch
from comfy.ops import CastWeightBiasOp
from higen_pack import higen_core as hg
from higen_pack.nodes.models.model import move_lone_parameters, use_casting_layers
from torch._subclasses.fake_tensor import FakeTensorMode

from .. import networks

FRAMES, HEIGHT, WIDTH = 4, 4, 6


@pytest.fixture
def gpu():
    with FakeTensorMode(), torch.no_grad():
        yield torch.device("cuda")


def move(layer: torch.nn.Module, device: torch.device | str) -> None:
    """Moves the weights of a layer; fake modules cannot be moved by `to`."""
    for name, parameter in list(layer.named_parameters(recurse=False)):
        setattr(layer, name, torch.nn.Parameter(parameter.to(device), requires_grad=False))


def call(unet, device):
    return unet(
        torch.zeros(1, 4, FRAMES, HEIGHT, WIDTH, device=device),
        torch.zeros(1, device=device),
        text=torch.zeros(1, 77, networks.TEXT_WIDTH, device=device),
        prior=torch.zeros(1, 4, HEIGHT, WIDTH, device=device),
        motion=torch.zeros(1, FRAMES - 1, device=device),
        appearance=torch.ones(1, FRAMES, 32, device=device),
    )


@pytest.mark.parametrize("offloaded_layers", ["every layer", "every other layer", "the first layer", "the last layer"])
def test_all_layers_compute_on_the_gpu_with_weights_on_the_cpu(gpu, offloaded_layers):
    unet = hg.UNet(networks.UNET)
    use_casting_layers(unet)
    move_lone_parameters(unet, gpu)
    unet.execution_device = gpu
    layers = [module for module in unet.modules() if isinstance(module, CastWeightBiasOp)]
    offloaded = {
        "every layer": layers,
        "every other layer": layers[::2],
        "the first layer": layers[:1],
        "the last layer": [unet.conv_out],
    }[offloaded_layers]
    devices = []
    for layer in layers:
        layer.comfy_cast_weights = layer in offloaded
        move(layer, "cpu" if layer in offloaded else gpu)
        layer.register_forward_pre_hook(lambda _, inputs: devices.append(inputs[0].device.type))
    assert call(unet, gpu).device.type == "cuda"
    assert set(devices) == {"cuda"}
    assert {parameter.device.type for layer in offloaded for parameter in layer.parameters()} == {"cpu"}


def test_without_casting_layers_weights_on_the_cpu_are_an_error(gpu):
    """So the test above would fail for a kind of layer that `use_casting_layers` leaves out."""
    unet = hg.UNet(networks.UNET)
    unet.execution_device = gpu
    with pytest.raises(Exception, match="device"):
        call(unet, gpu)
