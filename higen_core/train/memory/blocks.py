"""Activation checkpointing (Chen et al. 2016): keeps what enters a block, and computes the rest again in the backward
pass."""

from __future__ import annotations

from functools import partial
from typing import TypeVar

from torch import nn
from torch.utils.checkpoint import checkpoint

from ...models.layers import ConditionedSequential

Module = TypeVar("Module", bound=nn.Module)


def checkpoint_blocks(network: Module) -> Module:
    """Makes each layer of a denoiser's levels, such as a ResBlock, a block of its own. In place."""
    for levels in [module for module in network.modules() if isinstance(module, ConditionedSequential)]:
        for layer in levels:
            layer.forward = partial(checkpoint, layer.forward, use_reentrant=False, preserve_rng_state=False)
    return network
