"""The memory that a training will need, computed by a step on fake tensors, which have sizes but no values."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

GB = 2**30


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of all storages that operations have created and that still exist, without the weights."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.live = self.peak = 0
        self.counted = weakref.WeakSet(
            tensor.untyped_storage() for tensor in (*network.parameters(), *network.buffers())
        )

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        out = operation(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor):
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


@dataclass(frozen=True)
class Forecast:
    """Bytes by part, without those of Python and its libraries.

    Attributes:
        frozen: weights that are not trained.
        trained: weights that are.
        gradients: of the trained weights.
        optimizer: its state.
        average: of the trained weights, in fp32.
        activations: what the backward pass needs, and temporary tensors, at the peak.
        networks: the weights of the autoencoder and the towers, which stay loaded.
    """

    frozen: int
    trained: int
    gradients: int
    optimizer: int
    average: int
    activations: int
    networks: int

    @property
    def total(self) -> int:
        return sum(vars(self).values())

    def __str__(self) -> str:
        parts = vars(self) | {"total": self.total}
        return "\n".join(f"{name:<12}{value / GB:8.2f} GB" for name, value in parts.items())


def forecast(
    make: Callable[[], nn.Module],
    step: Callable[[nn.Module], Tensor],
    state: Callable[[int], int],
    saved: Callable[[Any], int],
    networks: int,
) -> Forecast:
    """The memory of a step on a GPU, or on a CPU with attention as fused as there.

    Args:
        make: makes the network with what is trained of it; it is on the meta device.
        step: the loss of a batch of fake tensors.
        state: bytes of the optimizer's state for a number of trained parameters.
        saved: bytes that are saved of the frozen weights by storing them in another way.
        networks: bytes of the autoencoder and the towers.
    """
    with torch.device("meta"):
        network = make()
    with FakeTensorMode(), torch.device("cpu"):
        for module in network.modules():
            for name, weight in module.named_parameters(recurse=False):
                module.register_parameter(
                    name, nn.Parameter(torch.empty(weight.shape, dtype=weight.dtype), weight.requires_grad)
                )
        weights = list(network.parameters())
        trained = [weight for weight in weights if weight.requires_grad]
        frozen = [weight for weight in weights if not weight.requires_grad]
        with LiveBytes(network) as live:
            step(network).backward()
        peak = live.peak
        gradients = sum(map(_bytes, trained))
        return Forecast(
            frozen=sum(map(_bytes, frozen)) - saved(network),
            trained=gradients,
            gradients=gradients,
            optimizer=state(sum(weight.numel() for weight in trained)),
            average=sum(4 * weight.numel() for weight in trained),
            activations=max(peak - gradients, 0),
            networks=networks,
        )


@contextmanager
def made_in(dtype: torch.dtype) -> Iterator[None]:
    """Networks that are created inside have weights of this precision."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(default)


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
