"""The state of a run besides its data: weights, optimizer, averaged weights and options, in memory and on disk.

Weights may be sharded over processes (FSDP). On disk they are whole: a run can be resumed with another number of
processes.
"""

from __future__ import annotations

import glob
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ..aliases import renamed
from ..weights.checkpoint import not_written
from .config import LoopConfig
from .memory.optimizers import allow_optimizer_states

Module = TypeVar("Module", bound=nn.Module)
FOUND = ("d", "d0", "d_max", "d_hat", "d_numerator", "k")
"""What prodigy keeps of a group of weights besides its hyperparameters."""


def trained_tensors(model: nn.Module) -> dict[str, Tensor]:
    """The state dict of a network without its frozen weights, which are those of the file that the run began with."""
    frozen = {name for name, weight in model.named_parameters() if not weight.requires_grad}
    return {name: tensor for name, tensor in model.state_dict().items() if name not in frozen}


class Average:
    """Exponential moving average of the trained tensors of a network, sharded like them; of those in half precision,
    whose steps are larger than what an average changes by, in fp32."""

    def __init__(self, model: nn.Module, decay: float):
        self.decay, self.count = decay, 0
        self.tensors = {name: _precise(tensor.detach()).clone() for name, tensor in trained_tensors(model).items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """The decay starts low, so that the random start does not stay in early checkpoints."""
        decay = min(self.decay, self.count / (9 + self.count))
        current = trained_tensors(model)
        for name, mean in self.tensors.items():
            now = _local(current[name])
            get_ema_multi_avg_fn(decay)([_local(mean)], [now.to(mean.dtype)], self.count)
        self.count += 1

    @contextmanager
    def applied(self, model: Module, empty: Module) -> Iterator[Module]:
        """The network with the averaged weights, as long as the context lasts. It needs no second copy of a network
        unless that is sharded.

        Args:
            model: the network; its weights are exchanged for the average and back.
            empty: the same network on the meta device, to receive what is gathered of a sharded one.
        """
        current = model.state_dict()
        if any(isinstance(tensor, DTensor) for tensor in current.values()):
            empty.load_state_dict(whole(current | self.tensors), assign=True)
            yield empty
            return
        kept = self._exchange(current, {})
        try:
            yield model
        finally:
            self._exchange(current, kept)

    @torch.no_grad()
    def _exchange(self, current: dict[str, Tensor], kept: dict[str, Tensor]) -> dict[str, Tensor]:
        """Exchanges the average and the weights; weights of another precision than their average go to and from
        `kept`."""
        for name, mean in self.tensors.items():
            now = current[name].clone()
            current[name].copy_(kept.get(name, mean))
            if now.dtype == mean.dtype:
                mean.copy_(now)
            else:
                kept[name] = now
        return kept

    def state_dict(self) -> dict[str, Tensor]:
        return {"n_averaged": torch.tensor(self.count)} | {f"module.{k}": v for k, v in self.tensors.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.count = int(state["n_averaged"])
        for name, tensor in self.tensors.items():
            tensor.copy_(_sharded_like(state[f"module.{name}"], tensor))


@dataclass(frozen=True)
class State:
    """Everything of a run that changes from step to step.

    Attributes:
        model: the network itself, without a data-parallel wrapper.
        optimizer: its hyperparameters are those of the present config, also after `load`.
        average: of the model's weights.
        scaler: the gradient scaler of fp16; None in other precisions.
        frozen: the `frozen_fingerprint` of the network before it was sharded.
    """

    model: nn.Module
    optimizer: Any
    average: Average
    scaler: Any = None
    frozen: str = ""

    def save(self, path: Path, step: int, config: LoopConfig, writes: bool) -> None:
        """Called in all processes, as each may hold a part of the weights; the one that `writes` writes the file."""
        state: dict[str, Any] = {
            "model": whole(trained_tensors(self.model)),
            "optimizer": whole(self.optimizer.state_dict()),
            "average": whole(self.average.state_dict()),
        }
        state |= {"step": step, "config": json.dumps(config.to_dict())}
        if self.scaler is not None:
            state["scaler"] = self.scaler.state_dict()
        if self.frozen:
            state["frozen"] = self.frozen
        if writes:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as partial:
                torch.save(state, partial)

    def load(self, path: Path) -> int:
        """Returns the number of steps that are done; 0 if there is no state."""
        if not path.exists():
            return 0
        allow_optimizer_states()
        state = torch.load(path, map_location="cpu", weights_only=True)
        own = trained_tensors(self.model)
        frozen = self.model.state_dict().keys() - own.keys()  # earlier versions saved them as well
        saved = {name: value for name, value in state["model"].items() if name not in frozen}
        if renamed := sorted(own.keys() ^ saved.keys()):
            raise ValueError(
                f"{path} is of another network or of an earlier version: only one of the two has {renamed[0]}. Start "
                "in a new folder; with init, from the weights that the run wrote"
            )
        if state.get("frozen", self.frozen) != self.frozen:  # earlier versions saved none
            raise ValueError(
                f"init does not have the weights any more that the run of {path} began with: their checksum was "
                f"{state['frozen']} and is {self.frozen or 'none'} now. Put the file back, or choose another out"
            )
        weights = {name: _sharded_like(value, own[name]) for name, value in saved.items()}
        self.model.load_state_dict(weights, strict=False)
        self.average.load_state_dict(state["average"])
        self._load_optimizer(state["optimizer"])
        if self.scaler is not None and "scaler" in state:
            self.scaler.load_state_dict(state["scaler"])
        return state["step"]

    def _load_optimizer(self, saved: dict[str, Any]) -> None:
        """What the optimizer has found, as saved; hyperparameters such as weight decay as they are now."""
        weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        moments = {
            index: {name: _sharded_like(value, weights[index]) for name, value in entry.items()}
            for index, entry in saved["state"].items()
        }
        groups = self.optimizer.state_dict()["param_groups"]
        for group, old in zip(groups, saved["param_groups"], strict=True):
            group |= {name: value for name, value in old.items() if name in FOUND}
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})


def resumed_changes(config: LoopConfig) -> list[str]:
    """The options that differ from those of the run in `config.folder`, "name: old -> new"; empty for a new run.

    Raises:
        ValueError: an option differs with which the run cannot be resumed; see `changed_options`.
    """
    path = config.folder / "state.pt"
    if not path.exists():
        return []
    allow_optimizer_states()
    saved = torch.load(path, map_location="cpu", weights_only=True, mmap=True).get("config")
    return changed_options(config, json.loads(saved)) if saved else []  # earlier versions saved no options


def changed_options(config: LoopConfig, saved: Mapping[str, Any]) -> list[str]:
    """The options that differ from those of the run that is resumed, "name: old -> new" each.

    Args:
        config: of the command that resumes.
        saved: `to_dict()` of the run; options that only one of the two has are passed over.

    Raises:
        ValueError: an option differs that must not; the message has its name, the old and the new value.
    """
    now = config.to_dict()
    saved = renamed(saved, now)
    changed = [f for f in fields(config) if f.name in saved and saved[f.name] != now[f.name]]
    for f in changed:
        if f.metadata["resume"] == "refuse":
            raise ValueError(
                f"{f.name} was {saved[f.name]!r} in the run in {config.folder} and is {now[f.name]!r} now: a run "
                "cannot be resumed with that; set it back, or choose another out"
            )
    return [f"{f.name}: {saved[f.name]} -> {now[f.name]}" for f in changed if f.metadata["resume"] == "report"]


def whole(state: Any) -> Any:
    """A state dict with all shards gathered."""
    if isinstance(state, dict):
        return {key: whole(value) for key, value in state.items()}
    return state.full_tensor() if isinstance(state, DTensor) else state


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write a new version of a file to; it takes the file's place at the end, or is deleted on an error.

    Its name is unique, also between containers that share a folder and give their processes the same numbers.

    Raises:
        OSError: it cannot be written; the message names it.
    """
    partial = path.with_name(f"{path.name}.{uuid4().hex}.partial")
    try:
        yield partial
        os.replace(partial, path)
    except (OSError, RuntimeError) as error:  # torch.save raises the latter
        raise not_written(path, error) from error
    finally:
        partial.unlink(missing_ok=True)


def remove_partials(path: Path) -> None:
    """Deletes the unfinished versions of a file that killed runs have left."""
    for partial in path.parent.glob(f"{glob.escape(path.name)}.*.partial"):
        partial.unlink(missing_ok=True)


def trainable(network: Module) -> Module:
    """The same network with gradients."""
    return network.requires_grad_(True).train()


def fingerprint(network: nn.Module) -> str:
    """Eight hexadecimal digits that are equal for equal weights."""
    return _checksum(network.state_dict())


def frozen_fingerprint(network: nn.Module) -> str:
    """That of the weights that are not trained; "" if all are."""
    frozen = {name: weight.detach() for name, weight in network.named_parameters() if not weight.requires_grad}
    return _checksum(frozen) if frozen else ""


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    checksum = 0
    for name, tensor in sorted(tensors.items()):
        if type(tensor).__module__.startswith("torchao"):
            tensor = tensor.dequantize()
        content = tensor.detach().float().cpu().contiguous().numpy().tobytes()
        checksum = zlib.crc32(content, zlib.crc32(name.encode(), checksum))
    return f"{checksum:08x}"


def _precise(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() and tensor.element_size() < 4 else tensor


def _local(tensor: Tensor) -> Tensor:
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _sharded_like(tensor: Tensor, reference: Tensor) -> Tensor:
    """A whole tensor, sharded like a reference of its shape; scalars, such as a count of steps, are never sharded."""
    if isinstance(reference, DTensor) and tensor.ndim:
        return distribute_tensor(tensor.to(reference.device), reference.device_mesh, reference.placements)
    return tensor
