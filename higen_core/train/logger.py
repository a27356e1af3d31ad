"""The log of a run: a progress bar with losses and time left, TensorBoard entries, and images."""

from __future__ import annotations

import time
from types import TracebackType

from PIL import Image
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from .config import LoopConfig


class Log:
    """Of the main process; in the others it does nothing. Entries go to `logs`, images to `samples` as well."""

    def __init__(self, config: LoopConfig, first: int, main: bool):
        self.config, self.main, self.last = config, main, first
        self.smooth: dict[str, float] = {}
        self.sums: dict[str, float] = {}
        self.counts: dict[str, int] = {}
        self.since = time.perf_counter()
        self.bar = tqdm(total=config.steps, initial=first, disable=not main, mininterval=5, unit="step")
        self.writer = SummaryWriter(str(config.folder / "logs"), purge_step=first + 1) if main else None

    def __enter__(self) -> Log:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.bar.close()
        if self.writer:
            self.writer.close()

    def step(self, done: int, lr: float, losses: dict[str, float]) -> None:
        """Logs the losses of step number `done`, counted from 1; the bar shows them smoothed."""
        for name, value in losses.items():
            self.smooth[name] = 0.98 * self.smooth.get(name, value) + 0.02 * value
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1
        self.bar.set_postfix({name: f"{value:.4f}" for name, value in self.smooth.items()}, refresh=False)
        self.bar.update()
        if self.writer and done % self.config.log_every == 0:
            for name, total in self.sums.items():
                self.writer.add_scalar(f"loss/{name}", total / self.counts[name], done)
            now = time.perf_counter()
            self.writer.add_scalar("lr", lr, done)
            self.writer.add_scalar("steps per second", (done - self.last) / (now - self.since), done)
            self.since, self.last, self.sums, self.counts = now, done, {}, {}

    def image(self, done: int, image: Tensor) -> None:
        """Keeps an image (h, w, 3) in [0, 1] of what the averaged weights produce after step number `done`."""
        if not self.writer:
            return
        path = self.config.folder / "samples" / f"{done:07d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = (image.clamp(0, 1) * 255).round().byte().cpu().numpy()
        Image.fromarray(pixels).save(path)
        self.writer.add_image("samples", pixels, done, dataformats="HWC")
