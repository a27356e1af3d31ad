"""ComfyUI's own LoRA loader and Train LoRA on a HiGen MODEL, held against `load_lora` of the core."""

from pathlib import Path

import folder_paths
import pytest
import torch
from comfy_extras.nodes_train import TrainLoraNode
from higen_pack import higen_core as hg
from higen_pack.higen_core.train.lora.adapters import target_layers
from higen_pack.higen_core.weights.lora import save_lora
from higen_pack.nodes.models.model import load_model
from safetensors.torch import save_file

from nodes import LoraLoaderModelOnly

from .. import networks


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return networks.random_file(tmp_path_factory.mktemp("model") / "unet.safetensors", hg.UNet, networks.UNET)


def random_lora(unet, dora):
    torch.manual_seed(4)
    tensors = {}
    for layer in target_layers(unet, "all"):
        weight = unet.get_parameter(f"{layer}.weight")
        tensors[f"{layer}.lora_up.weight"] = 0.1 * torch.randn(len(weight), 2)
        tensors[f"{layer}.lora_down.weight"] = 0.1 * torch.randn(2, *weight.shape[1:])
        tensors[f"{layer}.alpha"] = torch.tensor(3.0)
        if dora:
            tensors[f"{layer}.dora_scale"] = 1 + torch.rand(len(weight), *[1] * (weight.ndim - 1))
    return tensors


@pytest.mark.parametrize("strength", [1.0, 0.6, -0.5])
@pytest.mark.parametrize("dora", [False, True], ids=["lora", "dora"])
def test_the_stock_loader_gives_the_weights_of_the_core(weights, dora, strength, caplog):
    unet = hg.load_unet(weights)
    path = Path(folder_paths.get_folder_paths("loras")[0]) / f"{dora}.safetensors"
    save_lora(path, random_lora(unet, dora))
    (model,) = LoraLoaderModelOnly().load_lora_model_only(load_model(str(weights), "fp32"), path.name, strength)
    assert "not loaded" not in caplog.text and "ERROR" not in caplog.text
    before = {name: weight.clone() for name, weight in unet.state_dict().items()}
    hg.load_lora(unet, path, strength)
    model.patch_model()
    patched = model.model.diffusion_model.state_dict()
    changed = 0
    for name, weight in unet.state_dict().items():
        torch.testing.assert_close(patched[name], weight, msg=lambda text, name=name: f"{name}: {text}")
        changed += not torch.equal(weight, before[name])
    model.unpatch_model()
    assert changed == len(target_layers(unet, "all"))


def train(model, latents, positive):
    """Runs the node with its defaults, as the server does: every input is a list. Latents are several, as the node of
    0.3.75 fails with one."""
    schema = TrainLoraNode.define_schema()
    inputs = {entry.id: getattr(entry, "default", None) for entry in schema.inputs} | {"model": model}
    inputs |= {"steps": 3, "learning_rate": 1e-2, "rank": 2, "training_dtype": "fp32", "lora_dtype": "fp32"}
    lists = {name: [value] for name, value in inputs.items()} | {"positive": [positive]}
    results = TrainLoraNode.execute(**lists | {"latents": [{"samples": row[None]} for row in latents]}).args
    return results[[output.display_name for output in schema.outputs].index("lora")]


def test_it_trains_on_images_and_the_core_reads_its_file(weights, tmp_path):
    torch.manual_seed(0)
    positive = [[torch.randn(1, 77, networks.TEXT_WIDTH), {}]]
    lora = train(load_model(str(weights), "fp32"), torch.randn(2, 4, 8, 8), positive)
    save_file(
        {name: value.detach().clone().contiguous() for name, value in lora.items()}, tmp_path / "lora.safetensors"
    )
    unet = hg.load_unet(weights)
    before = {name: weight.clone() for name, weight in unet.state_dict().items()}
    hg.load_lora(unet, tmp_path / "lora.safetensors")
    changed = {name for name, weight in unet.state_dict().items() if not torch.equal(weight, before[name])}
    assert "down.0.0.conv.weight" in changed and "conv_out.bias" in changed
    assert not any(".temporal." in name for name in changed)  # images have no neighbors
