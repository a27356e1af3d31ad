"""How far sampled videos miss the cues that they were asked for."""

from __future__ import annotations

import torch

from ...cues.cues import Cues
from ...cues.measures import measure_motion, similarity
from ...models.clip import CLIP
from ...models.info import ModelInfo
from ...models.unet import UNet
from ...models.vae import VAE
from ..preview import sample_prompts

MOTION = (100, 600)
APPEARANCE = 0.3


def ramp(frames: int) -> Cues:
    """Motion that rises evenly, and appearance that changes a little."""
    still = Cues.constant(frames, appearance=APPEARANCE)
    return Cues(torch.linspace(*MOTION, frames - 1).round().long(), still.appearance)


@torch.no_grad()
def cue_error(unet: UNet, vae: VAE, clip: CLIP, prompts: list[str], steps: int, guidance: float) -> dict[str, float]:
    """The mean absolute difference between what was asked for and what is measured: of motion (0..1000) and of
    appearance (0..1). The noise is the same at every call."""
    info: ModelInfo = unet.info
    cues = ramp(info.frames)
    _, latents = sample_prompts(unet, vae, clip, prompts, cues, steps, guidance)
    frames = vae.decode_video(latents, chunk=1)
    motion = measure_motion(frames, info.motion_scale).cpu()
    embeddings = clip.encode_image(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])
    appearance = similarity(embeddings, info.similarity_floor or 0.0).cpu()
    return {
        "cue_error/motion": float((motion - cues.motion).abs().float().mean()),
        "cue_error/appearance": float((appearance - cues.appearance).abs().mean()),
    }
