"""Weights that ComfyUI casts or moves when a layer runs, held while the layer runs several times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from comfy.ops import CastWeightBiasOp, cast_bias_weight, uncast_bias_weight
from torch import nn


@contextmanager
def held_weights(layer: nn.Module) -> Iterator[None]:
    """While it is open, each layer of ComfyUI within `layer` casts its weights, and applies patches such as LoRA that
    were not merged, when it first runs, and uses the result from then on.

    ComfyUI would do so in each call, so that a layer which processes its frames in chunks would have its weights copied
    to the device once a chunk. What is held is the memory of the weights of `layer`.
    """
    operations = [module for module in layer.modules() if isinstance(module, CastWeightBiasOp) and casts(module)]
    with ExitStack() as held:
        for operation in operations:
            held.callback(HeldOperation(operation).release)
        yield


def casts(operation: Any) -> bool:
    """Whether ComfyUI casts the weights of an operation when it runs."""
    return operation.comfy_cast_weights or bool(operation.weight_function) or bool(operation.bias_function)


class HeldOperation:
    """An operation of ComfyUI whose weights are replaced by the cast ones from its first call until `release`."""

    def __init__(self, operation: Any):
        self.operation, self.replaced, self.attributes = operation, {}, {}
        self.hook = operation.register_forward_pre_hook(self.cast)

    def cast(self, operation: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        """Replaces the weights by a copy of what ComfyUI makes of them for this input; its buffers are used again."""
        self.hook.remove()
        weight, bias, state = cast_bias_weight(operation, inputs[0], offloadable=True)
        replaced = {name: operation._parameters[name] for name in ("weight", "bias")}
        copies = {
            name: value if value is None or value is own else nn.Parameter(value.clone(), requires_grad=False)
            for (name, own), value in zip(replaced.items(), (weight, bias), strict=True)
        }  # there may be no memory for them
        uncast_bias_weight(operation, weight, bias, state)
        self.attributes = {name: operation.__dict__[name] for name in CAST_ATTRIBUTES if name in operation.__dict__}
        self.replaced = replaced
        operation._parameters.update(copies)
        operation.comfy_cast_weights, operation.weight_function, operation.bias_function = False, [], []

    def release(self) -> None:
        """Gives the operation its own weights back."""
        self.hook.remove()
        if not self.replaced:
            return
        self.operation._parameters.update(self.replaced)
        for name in CAST_ATTRIBUTES:
            self.operation.__dict__.pop(name, None)
        self.operation.__dict__.update(self.attributes)


CAST_ATTRIBUTES = ("comfy_cast_weights", "weight_function", "bias_function")
"""What tells ComfyUI to cast the weights of an operation."""
