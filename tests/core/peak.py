"""Computes the peak memory of a network by running it on fake tensors, which have sizes but no values."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from higen_core.train.memory.forecast import LiveBytes, made_in


@contextmanager
def made_on(device: str | torch.device, dtype: torch.dtype) -> Iterator[None]:
    """Networks that are created inside have their weights on this device, in this precision."""
    with made_in(dtype), torch.device(device):
        yield


def computed_peak(
    make: Callable[[], torch.nn.Module],
    run: Callable[[torch.nn.Module], object],
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
) -> int:
    """Peak memory of `run(make())` in bytes, without the weights.

    The default device is the CPU, whose attention is fused like that of a GPU. For fake tensors on "cuda" torch selects
    unfused attention if the machine has no GPU.
    """
    with FakeTensorMode(), torch.no_grad(), made_on(device, dtype):
        network = make()
        with LiveBytes(network) as live:
            run(network)
        return live.peak
