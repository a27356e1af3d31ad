"""Weights that ComfyUI leaves on the CPU when GPU memory is short. Fake tensors stand in for a GPU."""

from functools import partial

import comfy.model_management
import comfy.ops
import pytest
import torch
from comfy.ops import CastWeightBiasOp
from higen_pack import higen_core as hg
from higen_pack.nodes.models.denoiser import StockUNet
from higen_pack.nodes.models.model import load_model
from higen_pack.nodes.samplers import HiGenSpatialPriorSampler
from higen_pack.nodes.sampling.frame_cues import FrameCues
from torch._subclasses.fake_tensor import FakeTensorMode

from .. import networks

FRAMES, HEIGHT, WIDTH = 4, 4, 6
CUES = FrameCues(hg.Cues.constant(FRAMES), torch.zeros(4, HEIGHT, WIDTH))
CONDITIONS = FrameCues.stack(2 * [CUES.conditions(hg.ModelInfo(), None, False, torch.zeros(1))])


@pytest.fixture
def gpu():
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        yield torch.device("cuda")


def move(layer: torch.nn.Module, device: torch.device | str) -> None:
    """Moves the weights of a layer; fake modules cannot be moved by `to`."""
    for name, parameter in list(layer.named_parameters(recurse=False)):
        setattr(layer, name, torch.nn.Parameter(parameter.to(device), requires_grad=False))


def call(unet, device):
    latents = torch.zeros(2 * FRAMES, 4, HEIGHT, WIDTH, device=device)
    text = torch.zeros(2 * FRAMES, 77, networks.TEXT_WIDTH, device=device)
    return unet(latents, torch.zeros(2 * FRAMES, device=device), text, CONDITIONS)


@pytest.mark.parametrize("offloaded_layers", ["every layer", "every other layer", "the first layer", "the last layer"])
def test_all_layers_compute_on_the_gpu_with_weights_on_the_cpu(gpu, offloaded_layers):
    unet = StockUNet(networks.UNET, comfy.ops.manual_cast)
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


def test_with_layers_of_torch_weights_on_the_cpu_are_an_error(gpu):
    """So the test above would fail for a layer that does not come from ComfyUI's namespace."""
    with pytest.raises(Exception, match="device"):
        call(StockUNet(networks.UNET), gpu)


@pytest.mark.parametrize("stored", [torch.float8_e4m3fn, torch.bfloat16, torch.float16, torch.float64])
def test_weights_are_cast_to_the_dtype_of_the_activations(tmp_path, stored):
    path = networks.random_file(tmp_path / "unet.safetensors", hg.UNet, networks.UNET, **networks.METADATA)
    unet = hg.load_unet(path, stored, build=partial(StockUNet, ops=comfy.ops.manual_cast))
    exact = hg.load_unet(path, build=partial(StockUNet, ops=comfy.ops.manual_cast))
    exact.load_state_dict({name: tensor.to(stored).float() for name, tensor in exact.state_dict().items()})
    assert {parameter.dtype for parameter in unet.parameters()} == {stored}
    torch.testing.assert_close(call(unet, "cpu"), call(exact, "cpu"), atol=1e-5, rtol=1e-5)


@pytest.mark.skipif(not hasattr(comfy, "memory_management"), reason="this ComfyUI has no dynamic loading")
def test_a_model_loads_where_layers_have_no_tensors_before_they_are_loaded(monkeypatch, tmp_path):
    """So ComfyUI builds them where it loads weights dynamically, which it does on NVIDIA."""
    path = networks.random_file(tmp_path / "unet.safetensors", hg.UNet, networks.UNET, **networks.METADATA)
    monkeypatch.setattr(comfy.memory_management, "aimdo_enabled", True)
    unet = hg.load_unet(path, build=partial(StockUNet, ops=comfy.ops.manual_cast))
    plain = hg.load_unet(path)
    assert unet.state_dict().keys() == plain.state_dict().keys()
    assert all(tensor.equal(plain.state_dict()[name]) for name, tensor in unet.state_dict().items())


def test_a_model_that_is_loaded_in_part_gives_the_same_prior(tmp_path):
    """What --lowvram and --novram do on a GPU: most layers stay where they are and cast when they run."""
    path = networks.random_file(tmp_path / "unet.safetensors", hg.UNet, networks.UNET, **networks.METADATA)
    model = load_model(str(path), "fp32")
    prompts = [[[torch.randn(1, 77, networks.TEXT_WIDTH, generator=torch.Generator().manual_seed(1)), {}]]] * 2
    sampling = {"width": 64, "height": 64, "seed": 1, "steps": 2, "cfg": 2.0, "sampler": "ddim"}
    whole = HiGenSpatialPriorSampler.execute(model, *prompts, **sampling)[0]["samples"]
    comfy.model_management.unload_all_models()
    with torch.no_grad():
        model.load(torch.device("cpu"), lowvram_model_memory=1)
        assert model.model.model_lowvram
        assert model.loaded_size() < 0.1 * model.model_size()
        latent = hg.draw_noise(2, (2, 4, 8, 8))  # norms of constant features would amplify rounding
        states = prompts[0][0][0].expand(2, -1, -1)
        velocity = model.model.diffusion_model(latent, torch.zeros(2), states)
    torch.testing.assert_close(velocity, hg.load_unet(path)(latent[:, :, None], torch.zeros(2), text=states)[:, :, 0])
    model.detach()
    assert HiGenSpatialPriorSampler.execute(model, *prompts, **sampling)[0]["samples"].equal(whole)
