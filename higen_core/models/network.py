"""The base class of the three networks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .info import ModelInfo


class Network(nn.Module):
    """A network that casts its inputs to its own dtype and device.

    Attributes:
        info: what the weights were trained on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.info = ModelInfo()

    @property
    def dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def cast(self, x: Tensor) -> Tensor:
        """Moves a tensor to the network's device; floating-point numbers also get its dtype."""
        return x.to(self.device, self.dtype if x.is_floating_point() else x.dtype)
