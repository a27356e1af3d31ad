"""The measurements that say whether prompts and cues are obeyed, one function each. `evaluate.py` runs them all.

Every figure comes from the oracle, which took no part in training, or from pixels.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor
from tqdm import tqdm

from ..checkpoint import load_clip, load_unet, load_vae
from ..cues import Cues, measure_motion
from ..curves import appearance_matrix
from ..pipeline import draw_noise, draw_video_noise, sample_prior, sample_video
from ..text import CLIP
from ..unet import UNet
from ..vae import VAE
from . import oracle, sprites

BATCH = 8
CALM = 300  # a motion that crosses a sixth of the frame: every prior leaves room for it
LATER = (5, 10, 15)  # frames in which an own picture has to be recognised


@dataclass(frozen=True)
class Model:
    unet: UNet
    vae: VAE
    clip: CLIP

    @classmethod
    def load(cls, folder: str | Path) -> Model:
        """From a folder with denoiser, vae and clip, or the bundled "mini"."""
        if str(folder) == "mini":
            return cls(load_unet("mini"), load_vae("mini"), load_clip("mini"))
        denoiser, vae, clip = (Path(folder) / f"{name}.safetensors" for name in ("denoiser", "vae", "clip"))
        return cls(load_unet(denoiser), load_vae(vae), load_clip(clip))


@dataclass(frozen=True)
class Bench:
    """A model, how it is sampled, and the prompts of scenes: the same for the same seed."""

    model: Model
    steps: int
    guidance: float  # of the spatial stage
    video_guidance: float
    sampler: str
    seed: int
    bar: tqdm

    def priors(self, prompts: list[str]) -> Tensor:
        """Latents (n, 4, h, w)."""
        side = sprites.SIZE // self.model.vae.downscale
        return self._batched(
            lambda text, uncond, part: sample_prior(
                self.model.unet,
                text,
                uncond,
                noise=draw_noise(self.seed + part, (len(text), 4, 1, side, side)),
                guidance=self.guidance,
                **self._how,
            ),
            prompts,
        )

    def videos(self, prompts: list[str], priors: Tensor, cues: Cues) -> Tensor:
        """(n, f, h, w, 3) in [0, 1]."""

        def sample(text: Tensor, uncond: Tensor, part: int) -> Tensor:
            prior = priors[part : part + len(text)]
            c, h, w = prior.shape[1:]
            noise, offset = draw_video_noise(self.seed + part, (len(text), c, cues.frames, h, w))
            known = {"prior": prior, "cues": cues, "noise": noise, "offset_noise": offset}
            video = sample_video(self.model.unet, text, uncond, **known, guidance=self.video_guidance, **self._how)
            self.bar.update(len(text))
            return self.model.vae.decode_video(video)

        return self._batched(sample, prompts)

    @torch.no_grad()
    def pictures(self, priors: Tensor) -> Tensor:
        """Priors as pictures (n, h, w, 3) in [0, 1]."""
        return self.model.vae.decode_video(rearrange(priors, "b c h w -> b c 1 h w"))[:, 0]

    @torch.no_grad()
    def latents(self, pictures: Tensor) -> Tensor:
        """Pictures (n, h, w, 3) in [0, 1] as priors."""
        return self.model.vae.encode(rearrange(pictures * 2 - 1, "b h w c -> b c h w").contiguous())

    def motion(self, videos: Tensor) -> Tensor:
        """Motion cues of videos, (n, f - 1), in the scale of the weights."""
        return measure_motion(videos, self.model.unet.info["motion_scale"]).float()

    @torch.no_grad()
    def features(self, videos: Tensor) -> Tensor:
        """What the image tower sees in each frame, (n f, d), of length 1."""
        return torch.cat([F.normalize(self.model.clip.encode_image(video), dim=-1) for video in videos])

    @property
    def _how(self) -> dict[str, Any]:
        return {"steps": self.steps, "sampler": self.sampler}

    @torch.no_grad()
    def _batched(self, sample, prompts: list[str]) -> Tensor:
        encode = self.model.clip.encode_text
        uncond = encode([""])
        return torch.cat([sample(encode(prompts[i : i + BATCH]), uncond, i) for i in range(0, len(prompts), BATCH)])


def held_out(count: int, seed: int = 0, **wanted: Any) -> tuple[list[sprites.Scene], list[str]]:
    """Scenes of combinations that were kept from training, and their prompts.

    `wanted` restricts fields of the scenes, such as change=("none",).
    """
    rng, words = random.Random(f"evaluate {seed}"), random.Random(f"prompts {seed}")
    scenes: list[sprites.Scene] = []
    while len(scenes) < count:
        scene = sprites.sample_plot(rng)
        if sprites.is_held_out(scene) and all(getattr(scene, name) in values for name, values in wanted.items()):
            scenes.append(scene)
    return scenes, [sprites.caption(scene, words) for scene in scenes]


def prompts(bench: Bench, count: int) -> tuple[dict[str, float], Tensor]:
    """Straight motions without a change of look, at a calm motion: is what was asked for there?

    Also returns the contact sheet: each prior with four frames of its video.
    """
    scenes, texts = held_out(count, bench.seed, motion=("move",), change=("none",))
    priors = bench.priors(texts)
    pictures, videos = bench.pictures(priors), bench.videos(texts, priors, Cues.constant(sprites.FRAMES, CALM, 0.0))
    return _judged(bench, scenes, pictures, videos)


def straight(bench: Bench, count: int) -> tuple[dict[str, float], Tensor]:
    """The prompts of `prompts`, without decoupling: no prior, no cues. For a network that was trained so."""
    scenes, texts = held_out(count, bench.seed, motion=("move",), change=("none",))
    side = sprites.SIZE // bench.model.vae.downscale
    videos = bench.videos(texts, torch.zeros(count, 4, side, side), Cues.untold(sprites.FRAMES))
    return _judged(bench, scenes, videos[:, 0], videos)


def _judged(
    bench: Bench, scenes: list[sprites.Scene], pictures: Tensor, videos: Tensor
) -> tuple[dict[str, float], Tensor]:
    judged = [_judge(*case) for case in zip(scenes, pictures, videos, strict=True)]
    figures = {name: sum(case[name] for case in judged) / len(scenes) for name in judged[0]}
    figures["frechet"] = frechet(
        bench.features(videos), bench.features(torch.stack([sprites.render(scene) for scene in scenes]))
    )
    strips = [torch.cat([a, *v[[0, 5, 10, 15]]], dim=1) for a, v in zip(pictures, videos, strict=True)]
    return figures, _sheet(strips)


def _judge(scene: sprites.Scene, picture: Tensor, video: Tensor) -> dict[str, float]:
    first, last, track = oracle.look(picture), oracle.look(video[-1]), oracle.follow(video)
    way = track.centres[-1] - track.centres[0]
    wanted = torch.tensor(sprites.DIRECTIONS[scene.direction], dtype=way.dtype)
    angle = torch.cosine_similarity(way, wanted, dim=0)
    return {
        "object_in_prior": first.object == scene.object,
        "object_in_video": last.object == scene.object,
        "background": last.background == scene.background,
        "direction": bool(way.norm() > 2 and angle > math.cos(math.pi / 8)),
        "flicker": track.flicker,
    }


def motion_sweep(bench: Bench, count: int) -> dict[str, Any]:
    """One seed, one prior, motion 0, 100 ... 1000: what moves with it, and what should not."""
    _, texts = held_out(count, bench.seed + 1, motion=("move",), change=("none",))
    priors, requested = bench.priors(texts), [0, 50, *range(100, 1001, 100)]
    motion, change = [], []
    for value in requested:
        videos = bench.videos(texts, priors, Cues.constant(sprites.FRAMES, value, 0.0))
        motion.append(float(bench.motion(videos).mean()))
        change.append(_change(videos))
    ratio = motion[requested.index(600)] / max(motion[1], 1e-6)
    return {"requested": requested, "motion": motion, "change": change, "ratio_600_to_50": ratio}


def appearance_sweep(bench: Bench, count: int) -> dict[str, Any]:
    """One seed, one prior, appearance factor 0, 0.1 ... 1 with prompts that tell of a change."""
    _, texts = held_out(count, bench.seed + 2, motion=("move",), change=("fade", "turn"))
    priors, requested = bench.priors(texts), [k / 10 for k in range(11)]
    motion, change = [], []
    for value in requested:
        videos = bench.videos(texts, priors, Cues.constant(sprites.FRAMES, CALM, value))
        motion.append(float(bench.motion(videos).mean()))
        change.append(_change(videos))
    return {"requested": requested, "motion": motion, "change": change}


def turned(bench: Bench, count: int) -> dict[str, float]:
    """Of prompts that tell what an object turns into, the share whose last frame shows what it should.

    That is the other object at appearance factor 1 (reached), and the one it was at 0 (kept).
    """
    scenes, texts = held_out(count, bench.seed + 5, motion=("move",), change=("turn",))
    priors, found = bench.priors(texts), {}
    for name, factor, wanted in (("reached", 1.0, "target"), ("kept", 0.0, "object")):
        ends = bench.videos(texts, priors, Cues.constant(sprites.FRAMES, CALM, factor))[:, -1]
        seen = (oracle.look(end).object == getattr(scene, wanted) for scene, end in zip(scenes, ends, strict=True))
        found[name] = sum(seen) / count
    return found


def schedules(bench: Bench, count: int) -> dict[str, float]:
    """Mean Pearson correlation, over videos, of the motion asked for and measured from frame to frame."""
    _, texts = held_out(count, bench.seed + 3, motion=("move",), change=("none",))
    priors, u = bench.priors(texts), torch.linspace(0, 1, sprites.FRAMES - 1)
    same = appearance_matrix(torch.zeros(sprites.FRAMES))
    found = {}
    for name, curve in {"rise": u, "fall": 1 - u, "pulse": torch.sin(math.pi * u) ** 2}.items():
        wanted = (50 + 650 * curve).round().long()
        measured = bench.motion(bench.videos(texts, priors, Cues(wanted, same)))
        found[name] = sum(pearson(wanted.float(), row) for row in measured) / count
    return found


def own_pictures(bench: Bench, count: int) -> float:
    """Share of rendered pictures of held-out scenes, as priors, whose object and background last through the video."""
    scenes, texts = held_out(count, bench.seed + 4, motion=("move",), change=("none",))
    priors = bench.latents(torch.cat([sprites.render(scene, frames=1) for scene in scenes]))
    videos = bench.videos(texts, priors, Cues.constant(sprites.FRAMES, CALM, 0.0))
    kept = 0
    for scene, video in zip(scenes, videos, strict=True):
        seen = [oracle.look(video[i]) for i in LATER]
        kept += all((found.object, found.background) == (scene.object, scene.background) for found in seen)
    return kept / count


def reconstruction(bench: Bench, count: int) -> float:
    """PSNR in dB of first and last frames of held-out scenes through the autoencoder."""
    rng = random.Random(f"pictures {bench.seed}")
    scenes = [sprites.sample_scene(rng, held_out=True) for _ in range(count // 2)]
    drawn = torch.cat([sprites.render(scene, frames=2) for scene in scenes])
    return float(-10 * F.mse_loss(bench.pictures(bench.latents(drawn)), drawn).log10())


def cross_talk(motions: dict[str, Any], appearances: dict[str, Any]) -> dict[str, float]:
    """Range of a measure while only the other cue moves, as a share of its range under its own cue."""
    return {
        "appearance_by_motion": _range(motions["change"]) / max(_range(appearances["change"]), 1e-9),
        "motion_by_appearance": _range(appearances["motion"]) / max(_range(motions["motion"]), 1e-9),
    }


def decoupled(bench: Bench, prompt: str, motions: tuple[int, ...], factors: tuple[float, ...]) -> Tensor:
    """One prompt, one seed: rows of motion, columns of appearance factor -> frames of the grid (f, h, w, 3)."""
    prior = bench.priors([prompt])
    rows = []
    for motion in motions:
        cues = [Cues.constant(sprites.FRAMES, motion, factor) for factor in factors]
        rows.append(torch.cat([bench.videos([prompt], prior, cue)[0] for cue in cues], dim=2))
    return torch.cat(rows, dim=1)


def pearson(a: Tensor, b: Tensor) -> float:
    """Correlation of two curves; 0 if one of them is flat."""
    return float(torch.corrcoef(torch.stack([a, b]))[0, 1].nan_to_num())


def spearman(a: list[float], b: list[float]) -> float:
    """Correlation of the ranks of two lists without ties."""
    return pearson(*(torch.tensor(values).argsort().argsort().float() for values in (a, b)))


def frechet(a: Tensor, b: Tensor) -> float:
    """Distance of the Gaussians with the means and covariances of two sets of features (n, d) and (m, d)."""
    a, b = a.double(), b.double()
    spread_a, spread_b = a.T.cov(), b.T.cov()
    overlap = torch.linalg.eigvals(spread_a @ spread_b).real.clamp(min=0).sqrt().sum()
    return float((a.mean(0) - b.mean(0)).square().sum() + spread_a.trace() + spread_b.trace() - 2 * overlap)


def _change(videos: Tensor) -> float:
    return sum(float(oracle.follow(video).change[-1]) for video in videos) / len(videos)


def _range(values: list[float]) -> float:
    return max(values) - min(values)


def _sheet(strips: list[Tensor], columns: int = 4) -> Tensor:
    """Strips of equal shape (h, w, 3) in `columns`."""
    strips = strips[: len(strips) // columns * columns]
    rows = (strips[i : i + columns] for i in range(0, len(strips), columns))
    return torch.cat([torch.cat(row, dim=1) for row in rows])
