"""API prompts of random HiGen graphs that take a second on a CPU: sizes, lengths, formats and nodes vary."""

from __future__ import annotations

import random
from typing import Any

from ..server.stock.graphs import MINI, Graph, Link, output

SIZES = (32, 64, 96)
FRAMES = (2, 3, 5, 8, 13)
FORMATS = ("h264-mp4", "vp9-webm", "gif", "webp", "png frames")
TEXTS = ("a cat moving right on a white background", "a red ball on a blue background", "a panda")
SAMPLERS = ("ddim", "dpmpp_2m")


class InTurn(random.Random):
    """Chooses one after the other in place of at random, so that few numbers cover all choices."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number

    def choice(self, seq: Any) -> Any:
        return seq[-1 - self.number % len(seq)]


def any_prompt(rng: random.Random, formats: tuple[str, ...] = FORMATS, **combine: Any) -> dict:
    """A prompt that makes a video and saves it; `combine` are inputs of HiGen Video Combine."""
    graph = Graph()
    model = graph.add("HiGenLoader", **MINI)
    clip, vae = output(model, 1), output(model, 2)
    prompts = [graph.add("CLIPTextEncode", clip=clip, text=text) for text in (rng.choice(TEXTS), "")]
    width, height = rng.choice(SIZES), rng.choice(SIZES)
    make = rng.choice((sampled_prior, image_prior))
    prior = make(graph, rng, model, vae, prompts, width, height)
    frames = rng.choice(FRAMES)
    cues = rng.choice((schedule, measured))(graph, rng, model, frames)
    sampler = rng.choice((temporal_sampler, stock_sampler))
    video = sampler(graph, rng, model, prompts, prior, cues)
    images = graph.add("VAEDecode", samples=video, vae=vae)
    graph.add("HiGenVideoCombine", images=images, model=model, **combine_inputs(rng, formats) | combine)
    return graph.prompt


def combine_inputs(rng: random.Random, formats: tuple[str, ...] = FORMATS) -> dict[str, Any]:
    """Inputs of HiGen Video Combine but for its links."""
    return {
        "fps": rng.choice((0.0, 8.0, 23.976)),
        "format": rng.choice(formats),
        "filename_prefix": "soak/video",
        "quality": rng.choice(("best", "high", "medium", "low")),
        "loop_count": 0,
        "ping_pong": rng.random() < 0.3,
        "save_output": rng.random() < 0.8,
    }


def sampled_prior(graph: Graph, rng: random.Random, model, vae, prompts, width, height) -> Link:
    return graph.add(
        "HiGenSpatialPriorSampler",
        model=model,
        positive=prompts[0],
        negative=prompts[1],
        width=width,
        height=height,
        **sampling(rng),
    )


def image_prior(graph: Graph, rng: random.Random, model, vae, prompts, width, height) -> Link:
    image = graph.add("EmptyImage", width=rng.randrange(20, 90), height=rng.randrange(20, 90), batch_size=1, color=99)
    fit = {"fit": rng.choice(("crop", "pad", "stretch")), "background": "#808080"}
    return graph.add("HiGenImagePrior", images=image, vae=vae, model=model, width=width, height=height, **fit)


def schedule(graph: Graph, rng: random.Random, model, frames: int) -> Link:
    return graph.add(
        "HiGenCueSchedule", frames=frames, motion=rng.randrange(1000), appearance=rng.random(), model=model
    )


def measured(graph: Graph, rng: random.Random, model, frames: int) -> Link:
    image = graph.add("EmptyImage", width=40, height=40, batch_size=frames + 1, color=rng.randrange(2**24))
    return graph.add(
        "HiGenCueExtractor",
        model=model,
        images=image,
        images_fps=8.0,
        frames=frames,
        span=rng.choice(("from start, at the model's rate", "whole footage, fitted to the length")),
        start=0.0,
        blur=0.0,
        cuts=rng.choice(("keep", "mask")),
        encoder="auto",
        similarity_floor=-1.0,
        motion_scale=0.0,
    )


def temporal_sampler(graph: Graph, rng: random.Random, model, prompts, prior, cues) -> Link:
    links = {"model": model, "positive": prompts[0], "negative": prompts[1], "prior": prior, "cues": cues}
    return graph.add("HiGenTemporalSampler", **links, **sampling(rng))


def stock_sampler(graph: Graph, rng: random.Random, model, prompts, prior, cues) -> Link:
    applied = graph.add("HiGenApplyCues", positive=prompts[0], negative=prompts[1], prior=prior, cues=cues)
    return graph.add(
        "KSampler",
        model=model,
        positive=applied,
        negative=output(applied, 1),
        latent_image=output(applied, 2),
        seed=rng.randrange(2**32),
        steps=2,
        cfg=2.0,
        sampler_name="euler",
        scheduler="sgm_uniform",
        denoise=1.0,
    )


def sampling(rng: random.Random) -> dict[str, Any]:
    return {
        "seed": rng.randrange(2**32),
        "steps": rng.randint(1, 3),
        "cfg": rng.choice((-1.0, 1.0, 3.0)),
        "sampler": rng.choice(SAMPLERS),
    }
