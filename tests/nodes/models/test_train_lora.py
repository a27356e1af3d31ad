"""ComfyUI's own Train LoRA node on a HiGen MODEL: it trains on images, and its file is read by the core."""

import pytest
import torch
from comfy_extras.nodes_train import TrainLoraNode
from higen_pack import higen_core as hg
from higen_pack.nodes.models.model import load_model
from safetensors.torch import save_file

from .. import networks


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return networks.random_file(tmp_path_factory.mktemp("model") / "unet.safetensors", hg.UNet, networks.UNET)


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
