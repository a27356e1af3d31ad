"""Samples the cases in each of several ways, counts the evaluations of the network, and keeps what was sampled."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import higen_core as hg
from higen_core.diffusion import acceleration
from higen_core.diffusion.schedule import timesteps
from higen_core.train.sprites.evaluation.benchmark import Model

from .cases import Case

SOURCES = [Path(acceleration.__file__).with_name(f"{name}.py") for name in ("fitted", "forecast", "guidance")]
"""Of accelerated sampling."""


@dataclass(frozen=True)
class Way:
    """A way to sample the temporal stage: a name for the table, and arguments of `hg.sample_video`.

    `curve` is the line of the plot that it is a point of. What is sampled by a `volatile` way is kept only as long
    as SOURCES stay the same.
    """

    name: str
    curve: str
    options: dict[str, Any] = field(hash=False)
    volatile: bool = False

    @property
    def folder(self) -> str:
        """Its folder in the cache."""
        content = repr(sorted(self.options.items()))
        if self.volatile:
            content += "".join(path.read_text() for path in SOURCES)
        return re.sub(r"\W+", "-", self.name) + "-" + hashlib.sha256(content.encode()).hexdigest()[:8]


def plain(sampler: str, steps: int, spacing: str = "leading") -> Way:
    """A sampler of the core with fewer steps. The released procedure has "leading" spacing."""
    label = {"ddim": "DDIM", "dpmpp_2m": "DPM-Solver++(2M)"}[sampler] + (", trailing" if spacing == "trailing" else "")
    return Way(f"{label}, {steps} steps", label, {"sampler": sampler, "timesteps": tuple(timesteps(steps, spacing))})


RELEASED = plain("ddim", 50)


@dataclass(frozen=True)
class Sample:
    """A sampled video.

    Attributes:
        frames: (f, h, w, 3) in [0, 1], fp16.
        evaluations: of the network, a branch of the guidance being one. See `Evaluations`.
        seconds: wall clock of sampling and of decoding.
        cpu: seconds of the processor for the same.
    """

    frames: Tensor
    evaluations: float
    seconds: tuple[float, float]
    cpu: tuple[float, float]


class Evaluations:
    """Counts evaluations of a network by the multiplications in its linear layers and convolutions.

    One is the work of a full call on one video. So a call on a batch of three branches counts as three, and one that
    reuses features of an earlier call as the part that it computes.
    """

    def __init__(self, network: nn.Module, full_call: Callable[[], object]):
        self.network, self.multiplications = network, 0
        with self.counted():
            full_call()
        self.full = self.multiplications

    @contextmanager
    def counted(self) -> Iterator[Evaluations]:
        """Starts to count at zero; `count` is then the number."""
        self.multiplications = 0
        layers = [m for m in self.network.modules() if isinstance(m, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d)]
        handles = [layer.register_forward_hook(self._add) for layer in layers]
        try:
            yield self
        finally:
            for handle in handles:
                handle.remove()

    @property
    def count(self) -> float:
        return self.multiplications / self.full

    def _add(self, layer: Any, _: object, output: Tensor) -> None:
        self.multiplications += output.numel() * layer.weight[0].numel()


class Sampler:
    """Samples cases with mini at a scale of the text guidance; None is that of the weights.

    `released` is the reference. Everything is kept in the folder `cache`, so that an interrupted run continues.
    """

    def __init__(self, model: Model, cache: Path, text_guidance: float | None = None, released: Way = RELEASED):
        self.model, self.info, self.released = model, model.unet.info, released
        self.guidance = self.info.sampling.video_guidance if text_guidance is None else text_guidance
        self.cache = cache / f"mini-{self.info.steps}"
        self.uncond = model.clip.encode_text([""])
        self.side = self.info.height // model.vae.downscale
        text = self.uncond
        self.evaluations = Evaluations(model.unet, lambda: model.unet(self._zeros(), torch.zeros(1), text=text))

    def _zeros(self) -> Tensor:
        return torch.zeros(1, 4, self.info.frames, self.side, self.side)

    def prior(self, case: Case) -> tuple[Tensor, float]:
        """The latent (1, 4, h, w) of the released procedure, and the seconds it took."""
        return _kept(self.cache / "prior" / self.released.folder / f"{case.number}.pt", lambda: self.sample_prior(case))

    def video(self, case: Case, way: Way) -> Sample:
        """The video of a case, from the cache if it is there."""
        path = self.cache / f"guidance-{self.guidance:g}" / way.folder / f"{case.number}.pt"
        return Sample(**_kept(path, lambda: vars(self.sample(case, way))))

    def is_kept(self, case: Case, way: Way) -> bool:
        return (self.cache / f"guidance-{self.guidance:g}" / way.folder / f"{case.number}.pt").exists()

    @torch.no_grad()
    def sample(self, case: Case, way: Way) -> Sample:
        """Samples and decodes a video."""
        text, (prior, _) = self.model.clip.encode_text([case.prompt]), self.prior(case)
        noise, offset_noise = hg.draw_video_noise(case.number, tuple(self._zeros().shape))
        inputs = {"prior": prior, "cues": case.cues, "noise": noise, "offset_noise": offset_noise}
        wall, cpu = [time.perf_counter()], [time.process_time()]
        with self.evaluations.counted() as evaluations:
            latents = hg.sample_video(
                self.model.unet, text, self.uncond, guidance=self.guidance, **inputs, **way.options
            )
        wall.append(time.perf_counter()), cpu.append(time.process_time())
        frames = self.model.vae.decode_video(latents, chunk=8)[0]
        wall.append(time.perf_counter()), cpu.append(time.process_time())
        times = ((t[1] - t[0], t[2] - t[1]) for t in (wall, cpu))
        return Sample(frames.half(), evaluations.count, *times)

    @torch.no_grad()
    def sample_prior(self, case: Case) -> tuple[Tensor, float]:
        text, start = self.model.clip.encode_text([case.prompt]), time.perf_counter()
        noise = hg.draw_noise(case.number, (1, 4, 1, self.side, self.side))
        options = self.released.options | {"guidance": self.info.sampling.prior_guidance}
        prior = hg.sample_prior(self.model.unet, text, self.uncond, noise=noise, **options)
        return prior, time.perf_counter() - start


def _kept(path: Path, make: Callable[[], Any]) -> Any:
    """What is in a file, or what `make` returns, which the file then has."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        torch.save(make(), partial)
        partial.replace(path)
    return torch.load(path)
