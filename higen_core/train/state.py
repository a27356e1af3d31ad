"""What a run is made of besides its data: weights, optimiser and averaged weights, in memory and on disk.

Weights may be sharded over processes (FSDP). On disk they are whole: a run can go on with another number of processes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Average:
    """Exponential moving average of all tensors of a network; sharded as they are."""

    def __init__(self, model: nn.Module, decay: float):
        self.decay, self.count = decay, 0
        self.tensors = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Averaging starts fast, so that early checkpoints are not held back by the random start."""
        rate = min(self.decay, self.count / (9 + self.count))
        current = model.state_dict()
        pairs = [(_local(mean), _local(current[name])) for name, mean in self.tensors.items()]
        get_ema_multi_avg_fn(rate)([mean for mean, _ in pairs], [now for _, now in pairs], self.count)
        self.count += 1

    def state_dict(self) -> dict[str, Tensor]:
        return {"n_averaged": torch.tensor(self.count)} | {f"module.{k}": v for k, v in self.tensors.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.count = int(state["n_averaged"])
        for name, tensor in self.tensors.items():
            tensor.copy_(_sharded_like(state[f"module.{name}"], tensor))


@dataclass(frozen=True)
class State:
    """`model` is the network itself, without a data-parallel wrapper."""

    model: nn.Module
    optimizer: Any
    average: Average

    def save(self, path: Path, step: int, writes: bool) -> None:
        """Called in all processes, as they hold a share each; one of them writes, and never half a file."""
        parts = {"model": self.model, "optimizer": self.optimizer, "average": self.average}
        state = {name: whole(part.state_dict()) for name, part in parts.items()} | {"step": step}
        if writes:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".partial")
            torch.save(state, partial)
            os.replace(partial, path)

    def load(self, path: Path) -> int:
        """The step to go on with; 0 if there is nothing to go on from."""
        if not path.exists():
            return 0
        state = torch.load(path, map_location="cpu", weights_only=True)
        own = self.model.state_dict()
        self.model.load_state_dict({name: _sharded_like(value, own[name]) for name, value in state["model"].items()})
        self.average.load_state_dict(state["average"])
        weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        moments = {
            index: {name: _sharded_like(value, weights[index]) for name, value in entry.items()}
            for index, entry in state["optimizer"]["state"].items()
        }
        self.optimizer.load_state_dict(state["optimizer"] | {"state": moments})
        return state["step"]


def whole(state: Any) -> Any:
    """A state dict with all shards gathered."""
    if isinstance(state, dict):
        return {key: whole(value) for key, value in state.items()}
    return state.full_tensor() if isinstance(state, DTensor) else state


def _local(tensor: Tensor) -> Tensor:
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _sharded_like(tensor: Tensor, other: Tensor) -> Tensor:
    """A whole tensor cut as another one of its shape is; scalars, such as a count of steps, are never cut."""
    if isinstance(other, DTensor) and tensor.ndim:
        return distribute_tensor(tensor.to(other.device), other.device_mesh, other.placements)
    return tensor
