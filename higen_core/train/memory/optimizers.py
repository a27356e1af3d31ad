"""Optimizers by name. Those of other libraries are optional."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from ..config import LoopConfig

BETAS = (0.9, 0.99)


def make_optimizer(weights: Iterable[nn.Parameter], config: LoopConfig) -> torch.optim.Optimizer:
    """The optimizer that the config names. Updates of weights in bf16 are rounded stochastically: rounded to nearest,
    most of them would be lost.

    Raises:
        ValueError: prodigy is given weights in bf16.
        ModuleNotFoundError: its library is not installed; the message has the command that installs it.
    """
    weights = list(weights)
    options: dict[str, Any] = {"lr": config.lr, "weight_decay": config.weight_decay, "betas": BETAS}
    half = any(weight.dtype == torch.bfloat16 for weight in weights)
    if config.optimizer == "prodigy":
        if half:
            raise ValueError("weights = bf16 needs optimizer adamw or adamw8bit, whose updates are rounded at random")
        return _library("prodigyopt", "prodigyopt", config).Prodigy(weights, **options, safeguard_warmup=True)
    if config.optimizer == "adamw" and not half:
        return torch.optim.AdamW(weights, **options)
    torchao = _library("torchao.optim", "torchao", config)
    kind = torchao.AdamW8bit if config.optimizer == "adamw8bit" else torchao._AdamW
    return kind(weights, **options, bf16_stochastic_round=half)


def _library(module: str, package: str, config: LoopConfig) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"this training, with optimizer = {config.optimizer!r}, needs {package} ({error}): pip install {package}",
            name=error.name,
        ) from error


def set_learning_rate(optimizer: Any, lr: float) -> None:
    """Torchao compiles its step, and so has learning rates in tensors."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(lr)
        else:
            group["lr"] = lr


def allow_optimizer_states() -> None:
    """Lets torch.load read the quantized moments of torchao, which are tensors of its own kinds."""
    if find_spec("torchao"):
        import_module("torchao.optim")


def state_bytes(optimizer: str, parameters: int) -> int:
    """The forecast of an optimizer's state in bytes, for so many trained parameters."""
    return round(parameters * {"adamw": 8, "adamw8bit": 2 + 8 / 256, "prodigy": 16}[optimizer])
