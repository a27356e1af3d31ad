"""What tells one network from another: a frozen dataclass each, with the names of the released configs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

Config = TypeVar("Config", bound="_Config")


@dataclass(frozen=True)
class _Config:
    @classmethod
    def from_dict(cls: type[Config], values: dict[str, Any]) -> Config:
        """Raises on a key that is unknown, missing, or that this implementation has only one value for."""
        values = dict(values)
        for key, only in cls.fixed().items():
            if (value := values.pop(key, only)) != only:
                raise ValueError(f"{cls.__name__}: {key} must be {only}, got {value}")
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"{cls.__name__}: unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}")
        try:
            return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
        except TypeError as error:
            raise ValueError(f"{cls.__name__}: {error}") from error

    @classmethod
    def fixed(cls) -> dict[str, Any]:
        return {}

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class UNetConfig(_Config):
    """The denoiser. Widths are channels; `attn_scales` are the resolutions, relative to the latent, with attention."""

    in_dim: int
    dim: int
    y_dim: int
    context_dim: int
    out_dim: int
    dim_mult: tuple[int, ...]
    num_heads: int
    head_dim: int
    num_res_blocks: int
    attn_scales: tuple[float, ...]
    context_embedding_depth: int
    num_tokens: int

    @property
    def embed_dim(self) -> int:
        """Width of the per-frame embedding and of the text tokens."""
        return 4 * self.dim


@dataclass(frozen=True)
class VAEConfig(_Config):
    """The autoencoder, in the terms of Stable Diffusion's `ddconfig`."""

    ch: int
    ch_mult: tuple[int, ...]
    num_res_blocks: int
    z_channels: int = 4
    in_channels: int = 3
    out_ch: int = 3
    norm_groups: int = 32  # narrow networks need fewer: groups of one channel lose its brightness

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> VAEConfig:
        return super().from_dict({k: v for k, v in values.items() if k != "resolution"})  # it has no effect

    @classmethod
    def fixed(cls) -> dict[str, Any]:
        return {"double_z": True, "attn_resolutions": [], "dropout": 0.0}


@dataclass(frozen=True)
class TowerConfig(_Config):
    """What both towers of an OpenCLIP model have."""

    width: int
    layers: int


@dataclass(frozen=True)
class TextConfig(TowerConfig):
    heads: int
    context_length: int = 77
    vocab_size: int = 49408


@dataclass(frozen=True)
class VisionConfig(TowerConfig):
    image_size: int
    patch_size: int
    head_width: int = 64


@dataclass(frozen=True)
class CLIPConfig(_Config):
    """An OpenCLIP model, in the terms of its own config files."""

    embed_dim: int
    vision_cfg: VisionConfig
    text_cfg: TextConfig

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CLIPConfig:
        values = dict(values)
        for key, tower in (("vision_cfg", VisionConfig), ("text_cfg", TextConfig)):
            if isinstance(values.get(key), dict):
                values[key] = tower.from_dict(values[key])
        return super().from_dict(values)


RELEASED = UNetConfig(
    in_dim=4,
    dim=320,
    y_dim=1024,
    context_dim=1024,
    out_dim=4,
    dim_mult=(1, 2, 4, 4),
    num_heads=8,
    head_dim=64,
    num_res_blocks=2,
    attn_scales=(1.0, 0.5, 0.25),
    context_embedding_depth=2,
    num_tokens=16,
)
RELEASED_VAE = VAEConfig(ch=128, ch_mult=(1, 2, 4, 4), num_res_blocks=2)
RELEASED_CLIP = CLIPConfig(
    embed_dim=1024,
    vision_cfg=VisionConfig(image_size=224, layers=32, width=1280, head_width=80, patch_size=14),
    text_cfg=TextConfig(width=1024, heads=16, layers=24),
)

MINI = UNetConfig(
    in_dim=4,
    dim=64,
    y_dim=64,
    context_dim=128,
    out_dim=4,
    dim_mult=(1, 2),
    num_heads=2,
    head_dim=32,
    num_res_blocks=1,
    attn_scales=(1.0, 0.5),
    context_embedding_depth=1,
    num_tokens=16,
)
MINI_VAE = VAEConfig(ch=32, ch_mult=(1, 2, 3, 4), num_res_blocks=1, norm_groups=8)
MINI_CLIP = CLIPConfig(
    embed_dim=96,
    vision_cfg=VisionConfig(image_size=64, layers=3, width=96, head_width=32, patch_size=8),
    text_cfg=TextConfig(width=64, heads=2, layers=4),
)
