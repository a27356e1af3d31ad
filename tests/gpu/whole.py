"""Decoding, and mini from the prompt to the frames."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

import torch

import higen_core as hg
from higen_core.media.image import psnr

from ..benchmarks import precision
from ..benchmarks.step import random_network
from .meter import DTYPES, Row, Setting, attempt

PROMPT = precision.PROMPTS[0]
LEAST_PSNR = {"fp32": 40.0, "fp16": 25.0, "bf16": 20.0}
"""dB of mini's frames against those of the CPU; below it is a finding."""


def decoding(setting: Setting) -> Iterator[Row]:
    """The VAE of the released layout: seconds a clip, and the peak beside the plan."""
    for name in setting.precisions:
        vae = random_network(lambda: hg.VAE(setting.sizes.vae), DTYPES[name], setting.device)
        for layout in (torch.contiguous_format, torch.channels_last):
            vae.to(memory_format=layout)
            label = {"precision": name, "way": "channels last" if layout == torch.channels_last else "channels first"}
            yield label | attempt(partial(decode, setting, vae))
        del vae


def decode(setting: Setting, vae: hg.VAE) -> Row:
    size = setting.height, setting.width
    plan = hg.plan_decoding(
        setting.frames,
        hg.decode_activations(vae.config, *size, vae.dtype),
        hg.free_memory(setting.device),
    )
    latents = torch.zeros(1, 4, setting.frames, *size, device=setting.device)
    with torch.no_grad():
        clips = (vae.decode_video(latents, chunk=plan.chunk) for _ in range(1 if setting.tiny else 3))
        row = setting.measure(lambda: clips)
    return row | {"planned": plan.bytes, "chunk": plan.chunk}


def mini_steps(setting: Setting) -> int:
    return 2 if setting.tiny else precision.STEPS


@torch.no_grad()
def mini_on_cpu(setting: Setting) -> torch.Tensor:
    """Frames (f, h, w, 3) that the device and the nodes are compared with."""
    return precision.sample(torch.float32, PROMPT, steps=mini_steps(setting))


def mini(setting: Setting, exact: torch.Tensor) -> Iterator[Row]:
    """Prompt, prior, video and frames of mini: seconds with loading, and PSNR against the CPU in fp32."""
    for name in setting.precisions:
        yield {"precision": name} | attempt(partial(mini_row, setting, exact, name))


def mini_row(setting: Setting, exact: torch.Tensor, name: str) -> Row:
    start = time.perf_counter()
    with torch.no_grad():
        frames = precision.sample(DTYPES[name], PROMPT, setting.device, mini_steps(setting))
    seconds = time.perf_counter() - start
    return {"seconds": seconds} | agreement(frames, exact, LEAST_PSNR[name])


def agreement(frames: torch.Tensor, exact: torch.Tensor, least: float) -> Row:
    value = float(psnr(frames[None], exact[None]))
    return {"psnr": value, "ok": value >= least}
