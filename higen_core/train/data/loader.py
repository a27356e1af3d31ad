"""Batches made ahead of the training, in worker processes."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import torch
from torch.utils.data import DataLoader, Dataset

Batches: TypeAlias = Callable[[int, int], Any]
"""`batches(step, index)`: batch number `index`, which `step` asks for; the same in every run and process."""
Numbers: TypeAlias = list[tuple[int, int]]
"""(step, index) of batches, in the order in which they are needed."""


class BatchStream:
    """The batches of the given numbers, one after the other.

    A batch depends on its number alone, so they are the same with any number of workers. Where workers are not forked
    (Windows, macOS), `batches` is pickled. Batches that compute with networks have an attribute `needs_networks`: they
    are made in this process, as workers cannot use its device.

    Attributes:
        waited: seconds that the reader has waited for batches.
    """

    def __init__(self, batches: Batches, numbers: Numbers, workers: int):
        workers = 0 if getattr(batches, "needs_networks", False) else workers
        loader = DataLoader(
            _Numbered(batches),
            sampler=numbers,
            batch_size=None,
            collate_fn=_as_it_is,
            num_workers=workers,
            worker_init_fn=_ignore_interrupts if workers else None,
            generator=torch.Generator(),  # otherwise it draws from that of the training
        )
        self.waited = 0.0
        self.iterator: Iterator[Any] = iter(loader)

    def __next__(self) -> Any:
        since = time.perf_counter()
        batch = next(self.iterator)
        self.waited += time.perf_counter() - since
        if isinstance(batch, Exception):
            raise batch
        return batch

    def __iter__(self) -> BatchStream:
        return self


class _Numbered(Dataset):
    def __init__(self, batches: Batches):
        self.batches = batches

    def __getitem__(self, number: tuple[int, int]) -> Any:
        """The batch, or the error of damaged data: raised in a worker, its message would be a traceback."""
        try:
            return self.batches(*number)
        except (ValueError, OSError) as error:
            return error


def _as_it_is(batch: Any) -> Any:
    return batch


def _ignore_interrupts(worker: int) -> None:
    """Ctrl-C is for the training, which then saves and ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
