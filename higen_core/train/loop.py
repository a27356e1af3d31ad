"""The loop of all trainings: optimizer, averaging, checkpoints, several processes, and a clean stop."""

from __future__ import annotations

import copy
import math
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeAlias

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs, PartialState
from accelerate.utils import DistributedType, send_to_device
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from .checkpoint import Average, State, frozen_fingerprint, remove_partials, resumed_changes
from .config import LoopConfig
from .data.loader import Batches, BatchStream, Numbers
from .logger import Log, tracker_of
from .memory.optimizers import make_optimizer, set_learning_rate
from .preview import Film

Losses: TypeAlias = Callable[[nn.Module, Any], dict[str, Tensor]]
"""The losses of a batch by name; each is a mean over the batch."""


def process() -> PartialState:
    """This process among all: its number, and how many there are."""
    return PartialState(cpu=not torch.cuda.is_available())


def own_device() -> torch.device:
    """Where this process computes."""
    device = process().device
    assert device is not None
    return device


def train(
    model: nn.Module,
    batches: Batches,
    losses_of: Losses,
    config: LoopConfig,
    export: Callable[[Any, int], None],
    preview: Callable[[Any], Tensor | Film] | None = None,
    evaluate: Callable[[Any], dict[str, float]] | None = None,
) -> None:
    """Minimizes the sum of the losses that `losses_of(model, batch)` names.

    A global batch is `config.accumulate` batches from each process (`torchrun`, `accelerate launch`). Batches are
    numbered through, so a resumed run has the batches of an unbroken one, and two processes have those of one with
    twice the `accumulate`.

    Args:
        export: called with the averaged model and the step whenever the state has been written to `state.pt`: every
            `config.every` steps, at the end, and on SIGINT; also when a run that is complete is started again.
        preview: gives an image (h, w, 3) or a film of what the averaged model produces, every `config.sample_every`
            steps.
        evaluate: measures the averaged model, every `config.eval_every` steps; its values are logged by name.

    Raises:
        ValueError: the run in `config.folder` cannot be resumed with these options, or the optimizer cannot be sharded.
        OSError: the state cannot be written, since the disk is full; the last checkpoint is kept.
        FloatingPointError: a loss or the gradients are infinite or not a number; the last checkpoint is kept.
    """
    changes = resumed_changes(config)
    accelerator = Accelerator(
        mixed_precision=config.precision,
        cpu=own_device().type == "cpu",
        log_with=tracker_of(config),
        project_dir=config.folder / "logs",
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
    _check_sharding(config, accelerator)
    empty, frozen = without_storage(model), frozen_fingerprint(model)
    optimizer = make_optimizer((weight for weight in model.parameters() if weight.requires_grad), config)
    rounds = _trains_bf16(model)
    model, optimizer = accelerator.prepare(model, optimizer)
    network = accelerator.unwrap_model(model)
    state = State(network, optimizer, Average(network, config.ema), accelerator.scaler, frozen)
    main = accelerator.is_main_process
    first = _resume(state, empty, config, export, main)
    for change in changes:
        accelerator.print(f"resumed with a changed option: {change}")
    stream = BatchStream(batches, _numbers(first, config, accelerator), config.workers)
    with Log(config, first, accelerator) as log, _interrupts() as interrupts:
        for done in range(first + 1, config.steps + 1):
            lr = config.lr * warmup_cosine(done - 1, config)
            set_learning_rate(optimizer, lr)
            losses = _backward(model, stream, losses_of, config, accelerator)
            norm = accelerator.clip_grad_norm_(model.parameters(), config.max_norm)
            if accelerator.scaler is None:  # with fp16, the scaler skips steps that overflow
                _check_finite({"the norm of the gradients": float(torch.as_tensor(norm))}, done)
            if rounds:
                torch.manual_seed(config.seed * 1_000_003 + done)  # a resumed run rounds in the same way
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            state.average.update(network)
            losses, stop = _reduce(losses, bool(interrupts), accelerator)
            _check_finite({f"the loss {name!r}": loss for name, loss in losses.items()}, done)
            log.step(done, lr, losses, stream.waited)
            saves = stop or done % config.every == 0 or done == config.steps
            shows = _due(config.sample_every, done) or _due(config.eval_every, done)
            if saves:
                state.save(config.folder / "state.pt", done, config, writes=main)
            if saves or shows:
                with state.average.applied(network, empty) as averaged:
                    if saves and main:
                        export(averaged, done)
                    if shows and main:
                        _show(averaged, done, config, log, preview, evaluate)
            if stop:
                break


def _resume(state: State, empty: nn.Module, config: LoopConfig, export: Callable[[Any, int], None], main: bool) -> int:
    """Loads the state of the run, if there is one, and returns the number of steps that are done.

    A complete run is exported again: it may have been killed after its last state and before its last export.
    """
    path = config.folder / "state.pt"
    first = state.load(path)
    if main:
        remove_partials(path)
    if first >= config.steps:
        with state.average.applied(state.model, empty) as averaged:
            if main:
                export(averaged, first)
    return first


def _check_sharding(config: LoopConfig, accelerator: Accelerator) -> None:
    if accelerator.distributed_type == DistributedType.FSDP and config.optimizer != "adamw":
        raise ValueError(f"optimizer {config.optimizer} cannot be sharded (FSDP): take optimizer = adamw")


def _trains_bf16(model: nn.Module) -> bool:
    """Whether updates are rounded at random; see `make_optimizer`."""
    return any(weight.requires_grad and weight.dtype == torch.bfloat16 for weight in model.parameters())


def without_storage(model: nn.Module) -> nn.Module:
    """A copy of a network on the meta device."""
    tensors = [*model.parameters(), *model.buffers()]
    return copy.deepcopy(model, {id(tensor): _on_meta(tensor) for tensor in tensors})


def _on_meta(tensor: Tensor) -> Tensor:
    empty = tensor.detach().to("meta")
    return nn.Parameter(empty, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else empty


def _due(every: int, done: int) -> bool:
    return every > 0 and done % every == 0


def _show(averaged: nn.Module, done: int, config: LoopConfig, log: Log, preview: Any, evaluate: Any) -> None:
    """Logs what is due after step number `done`."""
    if preview and _due(config.sample_every, done):
        log.sample(done, preview(averaged))
    if evaluate and _due(config.eval_every, done):
        log.values(done, evaluate(averaged))


def _numbers(first: int, config: LoopConfig, accelerator: Accelerator) -> Numbers:
    """(step, index) of the batches of this process that are left after `first` steps."""
    steps = ((step, part) for step in range(first, config.steps) for part in range(config.accumulate))
    processes, own = accelerator.num_processes, accelerator.process_index
    return [(step, (step * config.accumulate + part) * processes + own) for step, part in steps]


def _backward(
    model: nn.Module, stream: BatchStream, losses_of: Losses, config: LoopConfig, accelerator: Accelerator
) -> dict[str, Tensor]:
    """Adds the gradients of this process' batches of a step; returns their mean losses."""
    total: dict[str, Tensor] = {}
    for part in range(config.accumulate):
        batch = send_to_device(next(stream), accelerator.device)
        last = part == config.accumulate - 1
        with nullcontext() if last else accelerator.no_sync(model):
            with accelerator.autocast(), attention(accelerator.device):
                losses = losses_of(model, batch)
            losses = {name: loss / config.accumulate for name, loss in losses.items()}
            accelerator.backward(sum(losses.values()))
        total = {name: loss.detach() + total.get(name, 0) for name, loss in losses.items()}
    return total


def _reduce(losses: dict[str, Tensor], stop: bool, accelerator: Accelerator) -> tuple[dict[str, float], bool]:
    """The mean losses of all processes, and whether any of them has to stop: all do then, after the same step."""
    values = torch.stack([*losses.values(), torch.tensor(float(stop), device=accelerator.device)])
    *means, stops = torch.as_tensor(accelerator.reduce(values, reduction="mean")).tolist()
    return dict(zip(losses, means, strict=True)), stops > 0


def _check_finite(values: dict[str, float], step: int) -> None:
    """Stops before broken weights are saved over good ones."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise FloatingPointError(
                f"{name} is {value} at step {step}; the last checkpoint is kept: resume from it with a lower lr, "
                'or with precision "no"'
            )


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Collects SIGINT instead of raising KeyboardInterrupt."""
    caught: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: caught.append(number))
    try:
        yield caught
    finally:
        signal.signal(signal.SIGINT, before)


def attention(device: torch.device) -> AbstractContextManager:
    """On a CPU, fused attention trains up to nine times slower than the plain one at these short sequences (bf16)."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


def warmup_cosine(step: int, config: LoopConfig) -> float:
    """The learning rate at a step, counted from 0, as a fraction of its peak; the same for any number of processes."""
    if step < config.warmup:
        return (step + 1) / config.warmup
    return 0.5 + 0.5 * math.cos(math.pi * min(1.0, (step - config.warmup) / max(1, config.steps - config.warmup)))
