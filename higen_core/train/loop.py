"""The part that all trainings share: optimiser, averaging, logging, checkpoints, and a clean stop."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from tqdm import tqdm


@dataclass(frozen=True)
class LoopConfig:
    """`steps` of the optimiser in all; `precision` is accelerate's (no, bf16, fp16); `every` is in steps."""

    out: Path
    steps: int
    lr: float
    warmup: int = 200
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.999
    precision: str = "bf16"
    every: int = 500


class Batches(Protocol):
    """Batch number `index`, the same in every run."""

    def __getitem__(self, index: int, /) -> Any: ...


def train(
    model: nn.Module,
    batches: Batches,
    loss_of: Callable[[nn.Module, Any], dict[str, Tensor]],
    config: LoopConfig,
    export: Callable[[nn.Module, int], None],
) -> None:
    """Minimises the sum of the losses that `loss_of(model, batch)` names.

    `batches` is indexed by step, so that a resumed run sees what an unbroken one would have seen; several processes
    (`torchrun`, `accelerate launch`) take turns in it and average their gradients. Every `every` steps, and on SIGINT,
    the state is written to `out/state.pt` and `export(averaged model, step)` is called.
    """
    accelerator = Accelerator(
        mixed_precision=config.precision,
        cpu=not torch.cuda.is_available(),
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.lr, weight_decay=config.weight_decay, betas=(0.9, 0.99))
    average = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=_ema(config.ema), use_buffers=True)
    first = _resume(config.out / "state.pt", model, optimizer, average)
    model, optimizer = accelerator.prepare(model, optimizer)
    average.to(accelerator.device)
    stopped: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: stopped.append(number))
    bar = tqdm(total=config.steps, initial=first, disable=not accelerator.is_main_process, mininterval=5, unit="step")
    smooth: dict[str, Tensor] = {}
    for step in range(first, config.steps):
        for group in optimizer.param_groups:
            group["lr"] = config.lr * _warmup_cosine(step, config)
        batch = batches[step * accelerator.num_processes + accelerator.process_index]
        with accelerator.autocast(), _attention(accelerator.device):
            losses = loss_of(model, batch)
        accelerator.backward(sum(losses.values()))
        accelerator.clip_grad_norm_(model.parameters(), config.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        average.update_parameters(accelerator.unwrap_model(model))
        for name, value in losses.items():
            smooth[name] = torch.lerp(value.detach(), smooth.get(name, value.detach()), 0.98)
        bar.set_postfix({name: f"{value:.4f}" for name, value in smooth.items()}, refresh=False)
        bar.update()
        done = step + 1
        stop = _any(bool(stopped), accelerator)
        if accelerator.is_main_process and (done % config.every == 0 or done == config.steps or stop):
            _save(config.out / "state.pt", accelerator.unwrap_model(model), optimizer, average, done)
            export(average.module, done)
        if stop:
            break
    bar.close()
    signal.signal(signal.SIGINT, before)


def _any(here: bool, accelerator: Accelerator) -> bool:
    """Whether it is so in any process: all have to stop after the same step."""
    if accelerator.num_processes == 1:
        return here
    return bool(accelerator.reduce(torch.tensor(float(here), device=accelerator.device)))


def _attention(device: torch.device) -> AbstractContextManager:
    """On a CPU, fused attention trains up to nine times slower than the plain one at these short sequences (bf16)."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


def _warmup_cosine(step: int, config: LoopConfig) -> float:
    if step < config.warmup:
        return (step + 1) / config.warmup
    return 0.5 + 0.5 * math.cos(math.pi * min(1.0, (step - config.warmup) / max(1, config.steps - config.warmup)))


def _ema(decay: float) -> Callable:
    """Averaging that starts fast, so that early checkpoints are not held back by the random start."""

    @torch.no_grad()
    def update(averages: list[Tensor], currents: list[Tensor], count: Tensor) -> None:
        rate = min(decay, (1 + float(count)) / (10 + float(count)))
        torch._foreach_lerp_(
            averages, [current.to(mean.dtype) for mean, current in zip(averages, currents, strict=True)], 1 - rate
        )

    return update


def _save(path: Path, model: nn.Module, optimizer: Any, average: nn.Module, step: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = {"model": model, "optimizer": optimizer, "average": average}
    partial = path.with_suffix(".partial")
    torch.save({name: part.state_dict() for name, part in parts.items()} | {"step": step}, partial)
    os.replace(partial, path)


def _resume(path: Path, model: nn.Module, optimizer: Any, average: nn.Module) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    for name, part in {"model": model, "optimizer": optimizer, "average": average}.items():
        part.load_state_dict(state[name])
    return state["step"]
