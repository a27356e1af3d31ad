"""API prompts of HiGen graphs with stock nodes, built link by link."""

from __future__ import annotations

from typing import Any

import torch
from safetensors.torch import load_file

from ...comfyui.server import ComfyServer

Link = list
"""[node id, output slot]"""
BUNDLED = "bundled: mini"
MINI = {"weights": BUNDLED, "text_encoder": BUNDLED, "vae": BUNDLED, "dtype": "auto"}
STEPS, CFG, SEED = 5, 2.0, 7  # ddim_uniform makes one step more of a number that does not divide 1000


class Graph:
    """A prompt that nodes are added to. `graph.add("KSampler", model=…)` returns the link of its first output."""

    def __init__(self) -> None:
        self.prompt: dict[str, dict] = {}

    def add(self, class_type: str, **inputs: Any) -> Link:
        key = str(len(self.prompt) + 1)
        self.prompt[key] = {"class_type": class_type, "inputs": inputs}
        return [key, 0]


def output(link: Link, slot: int) -> Link:
    """Another output of the same node."""
    return [link[0], slot]


class VideoGraph(Graph):
    """Mini, a prompt, a prior and cues, ready for samplers.

    Attributes:
        model, clip, vae: of HiGen Loader.
        prompts: positive and negative, without cues.
        prior, cues: of the easy sampler and the schedule.
        positive, negative, latent: of HiGen Apply Cues.
    """

    def __init__(self, frames: int = 8) -> None:
        super().__init__()
        self.model = self.add("HiGenLoader", **MINI)
        self.clip, self.vae = output(self.model, 1), output(self.model, 2)
        self.prompts = [self.text("a cat moving right on a white background"), self.text("")]
        stage = {"model": self.model, "positive": self.prompts[0], "negative": self.prompts[1]}
        self.prior = self.add(
            "HiGenSpatialPriorSampler",
            **stage,
            width=64,
            height=64,
            seed=1,
            steps=6,
            cfg=3.0,
            sampler="dpmpp_2m",
        )
        self.cues = self.add("HiGenCueSchedule", frames=frames, motion=300, appearance=0.0)
        self.apply_cues(*self.prompts)

    def text(self, text: str) -> Link:
        return self.add("CLIPTextEncode", clip=self.clip, text=text)

    def apply_cues(self, positive: Link, negative: Link, cues: Link | None = None) -> None:
        applied = self.add(
            "HiGenApplyCues", positive=positive, negative=negative, cues=cues or self.cues, prior=self.prior
        )
        self.positive, self.negative, self.latent = applied, output(applied, 1), output(applied, 2)

    def easy(self, **inputs: Any) -> Link:
        """The video of HiGen Temporal Sampler."""
        options = {"seed": SEED, "steps": STEPS, "cfg": CFG, "sampler": "ddim", "appearance_cfg": 1.0}
        prompts = {"positive": self.prompts[0], "negative": self.prompts[1]}
        links = {"model": self.model, **prompts, "prior": self.prior, "cues": self.cues}
        return self.add("HiGenTemporalSampler", **links | options | inputs)

    def ksampler(self, **inputs: Any) -> Link:
        """The video of KSampler; with "sgm_uniform" like that of `easy`, but for the noise that is left."""
        options = {"seed": SEED, "steps": STEPS, "cfg": CFG, "sampler_name": "euler", "scheduler": "ddim_uniform"}
        links = {
            "model": self.model,
            "positive": self.positive,
            "negative": self.negative,
            "latent_image": self.latent,
        }
        return self.add("KSampler", **links | options | {"denoise": 1.0} | inputs)


def sampled(server: ComfyServer, graph: Graph, *latents: Link, seconds: float = 600) -> list[torch.Tensor]:
    """Runs a graph and returns the samples of LATENT links."""
    savers = [graph.add("SaveLatent", samples=link, filename_prefix="tests/latent")[0] for link in latents]
    run = server.run(graph.prompt, seconds=seconds)
    assert run.ending == "success", run.error
    files = [server.output_path(run.outputs[saver]["latents"][0]) for saver in savers]
    return [load_file(file)["latent_tensor"] for file in files]


def fill_in_defaults(server: ComfyServer, graph: Graph, link: Link) -> None:
    """Gives the node of a link the default of every widget that it was added without."""
    node = graph.prompt[link[0]]
    required = server.object_info()[node["class_type"]]["input"]["required"]
    for name, (kind, *options) in required.items():
        if options and "default" in options[0]:
            node["inputs"].setdefault(name, options[0]["default"])
        elif kind == "COMBO":
            node["inputs"].setdefault(name, options[0]["options"][0])


def similarity(video: torch.Tensor, other: torch.Tensor) -> float:
    """Cosine similarity."""
    return torch.cosine_similarity(video.flatten(), other.flatten(), dim=0).item()


def difference(video: torch.Tensor, other: torch.Tensor) -> float:
    """Mean absolute difference over the standard deviation of the other."""
    return ((video - other).abs().mean() / other.std()).item()
