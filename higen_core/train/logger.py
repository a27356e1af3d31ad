"""The log of a run: a progress bar with losses and time left, entries of a tracker, and samples."""

from __future__ import annotations

import io
import time
from types import TracebackType
from typing import Any

from accelerate import Accelerator
from accelerate.tracking import LOGGER_TYPE_TO_CLASS
from accelerate.utils import LoggerType
from PIL import Image
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from .config import LoopConfig
from .preview import Film

TENSORBOARD = "tensorboard"


def tracker_of(config: LoopConfig) -> str | None:
    """The tracker that accelerate has to start; None for TensorBoard.

    Raises:
        ValueError: accelerate does not know it.
    """
    names = {str(name) for name in LOGGER_TYPE_TO_CLASS} | {str(kind.value) for kind in LoggerType} - {"all"}
    if config.tracker not in names:
        raise ValueError(f"tracker must be one of {', '.join(sorted(names))}, got {config.tracker!r}")
    return None if config.tracker == TENSORBOARD else config.tracker


class Log:
    """Of the main process; in the others it does nothing. TensorBoard's entries go to `logs`, samples to `samples`."""

    def __init__(self, config: LoopConfig, first: int, accelerator: Accelerator):
        """`accelerator` has the tracker of `tracker_of`."""
        self.config, self.main, self.last = config, accelerator.is_main_process, first
        self.smooth: dict[str, float] = {}
        self.sums: dict[str, float] = {}
        self.counts: dict[str, int] = {}
        self.since, self.waited = time.perf_counter(), 0.0
        self.bar = tqdm(total=config.steps, initial=first, disable=not self.main, mininterval=5, unit="step")
        self.writer = None
        self.accelerator = None
        if self.main and config.tracker == TENSORBOARD:
            self.writer = SummaryWriter(str(config.folder / "logs"), purge_step=first + 1)
        elif self.main:
            self.accelerator = _tracking(config, accelerator)

    def __enter__(self) -> Log:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.bar.close()
        if self.writer:
            self.writer.close()
        if self.accelerator:
            self.accelerator.end_training()

    def step(self, done: int, lr: float, losses: dict[str, float], waited: float = 0.0) -> None:
        """Logs the losses of step number `done`, counted from 1; the bar shows them smoothed.

        `waited` is in seconds, all that the run has waited for batches; their fraction of the time is logged.
        """
        for name, value in losses.items():
            self.smooth[name] = 0.98 * self.smooth.get(name, value) + 0.02 * value
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1
        self.bar.set_postfix({name: f"{value:.4f}" for name, value in self.smooth.items()}, refresh=False)
        self.bar.update()
        if self.main and done % self.config.log_every == 0:
            now = time.perf_counter()
            values = {f"loss/{name}": total / self.counts[name] for name, total in self.sums.items()}
            values |= {"lr": lr, "steps per second": (done - self.last) / (now - self.since)}
            self.values(done, values | {"data_wait": (waited - self.waited) / (now - self.since)})
            self.since, self.waited, self.last, self.sums, self.counts = now, waited, done, {}, {}

    def values(self, done: int, values: dict[str, float]) -> None:
        """Logs values by name after step number `done`."""
        if self.writer:
            for name, value in values.items():
                self.writer.add_scalar(name, value, done)
        if self.accelerator:
            self.accelerator.log(values, step=done)

    def sample(self, done: int, sample: Tensor | Film) -> None:
        """Keeps what the averaged weights produce after step number `done`: an image (h, w, 3) in [0, 1], or a film."""
        if not self.main:
            return
        film = sample if isinstance(sample, Film) else Film(sample[None], 1)
        kind = "GIF" if isinstance(sample, Film) else "PNG"
        content = _encoded(film, kind)
        path = self.config.folder / "samples" / f"{done:07d}.{kind.lower()}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if self.writer:
            _add_image(self.writer, content, film, done)


def _tracking(config: LoopConfig, accelerator: Accelerator) -> Accelerator:
    accelerator.init_trackers("higen", {name: str(value) for name, value in config.to_metadata().items()})
    if not accelerator.trackers:
        raise ValueError(f"tracker = {config.tracker!r} is not installed: install its package, or choose {TENSORBOARD}")
    return accelerator


def _encoded(film: Film, kind: str) -> bytes:
    """The frames as an image file, or as one that plays again and again."""
    pixels = (film.frames.clamp(0, 1) * 255).round().byte().cpu().numpy()
    first, *rest = (Image.fromarray(frame) for frame in pixels)
    plays: dict[str, Any] = {"save_all": True, "append_images": rest, "duration": round(1000 / film.fps), "loop": 0}
    content = io.BytesIO()
    first.save(content, kind, **(plays if kind == "GIF" else {}))
    return content.getvalue()


def _add_image(writer: SummaryWriter, content: bytes, film: Film, done: int) -> None:
    """TensorBoard plays GIFs; PyTorch's own function for videos needs one more package to make one."""
    from tensorboard.compat.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue]

    height, width = film.frames.shape[1:3]
    image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=content)
    assert writer.file_writer is not None
    writer.file_writer.add_summary(Summary(value=[Summary.Value(tag="samples", image=image)]), done)
