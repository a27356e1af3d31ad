"""Two HiGen models and one of Stable Diffusion 3 in one graph; HiGen's nodes refuse the latter by name."""

import pytest
import torch
from safetensors.torch import save_file

from ...comfyui.inprocess import enter_comfyui
from .graphs import VideoGraph, fill_in_defaults, sampled, similarity

TEXT_WIDTH, POOLED_WIDTH = 64, 96
"""Of mini's text encoder, whose prompts this Stable Diffusion takes."""


@pytest.fixture(scope="module")
def stable_diffusion(server):
    """The name of a file of Stable Diffusion 3 with two narrow layers and random weights, which is removed."""
    enter_comfyui()
    import comfy.ops
    from comfy.ldm.modules.diffusionmodules.mmdit import MMDiT

    torch.manual_seed(0)
    network = MMDiT(
        depth=2,
        in_channels=16,
        out_channels=16,
        adm_in_channels=POOLED_WIDTH,
        context_embedder_config={
            "target": "torch.nn.Linear",
            "params": {"in_features": TEXT_WIDTH, "out_features": 128},
        },
        num_patches=16,
        pos_embed_max_size=4,
        pos_embed_scaling_factor=None,
        operations=comfy.ops.manual_cast,
    )
    tensors = {name: 0.05 * torch.randn(tensor.shape) for name, tensor in network.state_dict().items()}
    path = server.base / "models/diffusion_models/stable_diffusion.safetensors"
    path.parent.mkdir(exist_ok=True)
    save_file(tensors, path)
    yield path.name
    path.unlink()


@pytest.fixture
def graph(stable_diffusion):
    graph = VideoGraph()
    graph.other_model = graph.add("UNETLoader", unet_name=stable_diffusion, weight_dtype="default")
    return graph


def test_several_models_in_one_graph_do_not_disturb_each_other(server, graph):
    alone = VideoGraph()
    (expected,) = sampled(server, alone, alone.ksampler())
    second = graph.add("HiGenLoader", **{**graph.prompt["1"]["inputs"], "dtype": "bf16"})
    latent = graph.add("EmptySD3LatentImage", width=64, height=64, batch_size=1)
    positive, negative = graph.prompts
    links = [
        graph.ksampler(),
        graph.ksampler(model=graph.other_model, positive=positive, negative=negative, latent_image=latent),
        graph.ksampler(model=second),
        graph.easy(seed=8),
    ]
    first, image, other_precision, _ = sampled(server, graph, *links)
    assert first.equal(expected)
    assert image.shape == (1, 16, 8, 8)
    assert image.isfinite().all()
    assert similarity(other_precision, first) > 0.99


@pytest.mark.parametrize("node", ["easy", "prior", "image", "extractor", "noise", "guider", "combine"])
def test_a_model_of_another_kind_is_refused_by_name(server, graph, node):
    other = graph.other_model
    image = graph.add("EmptyImage", width=64, height=64, batch_size=8, color=0)
    prompts = {"positive": graph.positive, "negative": graph.negative}
    nodes = {
        "easy": lambda: graph.easy(model=other),
        "prior": lambda: graph.add(
            "HiGenSpatialPriorSampler", **graph.prompt[graph.prior[0]]["inputs"] | {"model": other, "seed": 5}
        ),
        "image": lambda: graph.add("HiGenImagePrior", images=image, vae=graph.vae, model=other),
        "extractor": lambda: graph.add("HiGenCueExtractor", model=other, images=image),
        "noise": lambda: graph.add("HiGenVideoNoise", model=other, cues=graph.cues, noise_seed=1),
        "guider": lambda: graph.add("HiGenGuider", model=other, cfg=2.0, **prompts),
        "combine": lambda: graph.add("HiGenVideoCombine", images=image, model=other),
    }
    link = nodes[node]()
    fill_in_defaults(server, graph, link)
    graph.add("PreviewAny", source=link)
    run = server.run(graph.prompt)
    assert run.ending == "error"
    assert "model must be a HiGen model, from HiGen Loader, got SD3" in run.error
