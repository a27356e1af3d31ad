"""Computes the peak memory of a network by running it on fake tensors, which have sizes but no values."""

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of all storages that operations have created and that still exist, without the weights."""

    def __init__(self, network: torch.nn.Module):
        super().__init__()
        self.live = self.peak = 0
        self.counted = weakref.WeakSet(
            tensor.untyped_storage() for tensor in (*network.parameters(), *network.buffers())
        )

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        out = operation(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor):
                self.add(leaf.untyped_storage())
        return out

    def add(self, storage: torch.UntypedStorage) -> None:
        if storage not in self.counted:
            self.counted.add(storage)
            self.live += storage.nbytes()
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self.drop, storage.nbytes())

    def drop(self, size: int) -> None:
        self.live -= size


@contextmanager
def made_on(device: str | torch.device, dtype: torch.dtype) -> Iterator[None]:
    """Networks that are created inside have their weights on this device, in this precision."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            yield
    finally:
        torch.set_default_dtype(default)


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
