"""Long videos of mini: time, memory, borders of the windows, and drift; beside them chained clips, and loops."""

import json
import sys
import time

import torch
import torch.nn.functional as F

import higen_core as hg
from higen_core.diffusion.windows import plan_windows
from higen_core.train.sprites.evaluation.benchmark import Model, held_out_scenes
from higen_core.train.sprites.evaluation.metrics import CALM, STRAIGHT
from higen_core.train.sprites.evaluation.template_matching import match_frame, track_sprite
from higen_core.train.sprites.scenes import Scene

from .process import peak, reset_peak

STEPS, SEED = 8, 0
EVERY = 4
"""Objects are recognized in one of so many frames."""


class Clips:
    """Prompts with priors, and the options their videos are sampled with."""

    def __init__(self, count: int, steps: int = STEPS):
        self.model, self.count, self.steps = Model.load("mini"), count, steps
        self.scenes, prompts = held_out_scenes(count, SEED, **STRAIGHT)
        self.text, self.uncond = self.model.clip.encode_text(prompts), self.model.clip.encode_text([""])
        noise = hg.draw_noise(SEED, (count, 4, 1, 8, 8))
        self.priors = hg.sample_prior(self.model.unet, self.text, self.uncond, noise=noise, steps=steps)

    def video(self, prior: torch.Tensor, frames: int, seed: int = SEED, **options) -> torch.Tensor:
        """Latents (n, 4, frames, 8, 8)."""
        noise, offset_noise = hg.draw_video_noise(seed, (self.count, 4, frames, 8, 8))
        inputs = {"prior": prior, "cues": hg.Cues.constant(frames, CALM, 0.0), "steps": self.steps} | options
        network = self.model.unet, self.text, self.uncond
        return hg.sample_video(*network, noise=noise, offset_noise=offset_noise, **inputs)

    def chained(self, frames: int) -> torch.Tensor:
        """Clips of the training length, each with the last frame of the one before as its prior."""
        length, clips, prior = self.model.unet.info.frames, [], self.priors
        for k in range(frames // length):
            clips.append(self.video(prior, length, SEED + k))
            prior = clips[-1][:, :, -1]
        return torch.cat(clips, dim=2)

    def figures(self, latents: torch.Tensor, loop: bool) -> dict[str, float]:
        """The mean over the prompts of `clip_figures`."""
        images = self.model.vae.decode_video(self.priors[:, :, None])[:, 0]
        parts = []
        for latent, image, scene in zip(latents, images, self.scenes, strict=True):
            frames = self.model.vae.decode_video(latent[None], chunk=8)[0]
            features = F.normalize(self.model.clip.encode_image(torch.cat([image[None], frames])), dim=-1)
            parts.append(clip_figures(frames, image, features[1:] @ features[0], scene, loop))
        return {name: round(sum(part[name] for part in parts) / len(parts), 4) for name in parts[0]}


def clip_figures(
    frames: torch.Tensor, prior: torch.Tensor, similarity: torch.Tensor, scene: Scene, loop: bool
) -> dict[str, float]:
    """Figures of one clip.

    Args:
        frames: (f, h, w, 3) in [0, 1].
        prior: (h, w, 3).
        similarity: of the image embeddings of the frames to that of the prior, (f,).
    """
    count = len(frames)
    changes = torch.cat([frames, frames[:1]]).diff(dim=0).abs().mean(dim=(1, 2, 3))
    within, seam = changes[:-1], changes[-1]
    windows = plan_windows(count, 16, loop=loop).indices() if count > 16 else []
    borders = sorted({w[0] - 1 for w in windows if w[0] > 0} | {w[-1] for w in windows if w[-1] < count - 1})
    track = track_sprite(torch.cat([prior[None], frames]))
    drift = track.change[1:]
    matches = [match_frame(frame) for frame in frames[EVERY - 1 :: EVERY]]
    quarter = count // 4
    return {
        "border": float(within[borders].mean() / within.median()) if borders else 1.0,
        "largest": float(within.max() / within.median()),
        "seam": float(seam / within.median()),
        "object": sum(match.object == scene.object for match in matches) / len(matches),
        "background": sum(match.background == scene.background for match in matches) / len(matches),
        "flicker": track.flicker,
        "drift_start": float(drift[:quarter].mean()),
        "drift_end": float(drift[-quarter:].mean()),
        "similarity_start": float(similarity[:quarter].mean()),
        "similarity_end": float(similarity[-quarter:].mean()),
    }


@torch.no_grad()
def main(way: str, frames: int, count: int, steps: int) -> None:
    """Prints the figures of `count` prompts; `way` is windows, chained or loop."""
    clips = Clips(count, steps)
    reset_peak()
    start = time.monotonic(), time.process_time()
    if way == "chained":
        latents = clips.chained(frames)
    else:
        latents = clips.video(clips.priors, frames, loop=way == "loop")
    seconds = {"seconds": round(time.monotonic() - start[0], 1), "cpu": round(time.process_time() - start[1], 1)}
    row = {"way": way, "frames": frames, "prompts": count, "steps": steps, **seconds, "peak": peak()}
    print(json.dumps(row | clips.figures(latents, way == "loop")))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
