"""Networks for training: their sizes from a setting, their tensors by name, and a mark of which weights they have."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, TypeVar

from torch import Tensor, nn

from ..config import CLIPConfig, UNetConfig, VAEConfig

Sizes = TypeVar("Sizes", UNetConfig, VAEConfig, CLIPConfig)
Network = TypeVar("Network", bound=nn.Module)


def config_of(network: str | dict[str, Any], kind: type[Sizes], named: Mapping[str, Sizes]) -> Sizes:
    """Sizes from a table or under a name."""
    if isinstance(network, dict):
        return kind.from_dict(network)
    if network not in named:
        raise ValueError(f"network must be {', '.join(named)} or a table with its sizes, got {network!r}")
    return named[network]


def tensors(network: nn.Module) -> dict[str, Tensor]:
    """Its parameters by name, to be written to."""
    return dict(network.named_parameters())


def owned(network: Network) -> Network:
    """The same network, with weights in memory of their own: the loaders leave them mapped from the file."""
    for weight in tensors(network).values():
        weight.data = weight.data.clone()
    return network.train()


def fingerprint(network: nn.Module) -> str:
    """Equal for equal weights: eight hexadecimal digits."""
    digest = 0
    for name, tensor in sorted(network.state_dict().items()):
        digest = zlib.crc32(
            tensor.detach().float().cpu().contiguous().numpy().tobytes(), zlib.crc32(name.encode(), digest)
        )
    return f"{digest:08x}"
