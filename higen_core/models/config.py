"""The sizes of the three networks, with the keys of the released config files, and how weights are best sampled: one
frozen dataclass each."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from reprlib import repr as short_repr
from typing import Any, TypeVar

Config = TypeVar("Config", bound="_Config")


LIMITS = {
    "num_res_blocks": 64,
    "context_embedding_depth": 64,
    "layers": 256,
    "dim_mult": 64,
    "ch_mult": 64,
    "vocab_size": 10_000_000,
}
"""The largest value of a key; far above those of any network, so that a wrong one is refused before memory is used."""
LARGEST, MOST_LEVELS = 65_536, 8
"""The largest value of the other keys, and the most levels."""


@dataclass(frozen=True)
class _Config:
    def __post_init__(self) -> None:
        """Checks the values by their annotations: int, tuple[int, ...], tuple[float, ...], or another config."""
        for entry in fields(self):
            value, most = getattr(self, entry.name), LIMITS.get(entry.name, LARGEST)
            kind = str(entry.type)
            if kind.startswith("tuple"):
                number = int | float if "float" in kind else int
                valid = isinstance(value, tuple) and 0 < len(value) <= MOST_LEVELS
                valid = valid and all(_is_size(part, number, most) for part in value)
                expected = f"a list of 1 to {MOST_LEVELS} numbers above 0, up to {most}"
            elif kind == "int":
                valid, expected = _is_size(value, int, most), f"a whole number from 1 to {most}"
            else:
                valid, expected = isinstance(value, _Config), "an object"
            if not valid:
                name = type(self).__name__
                raise ValueError(f"{name}: {entry.name} must be {expected}, got {short_repr(value)}")

    @classmethod
    def from_dict(cls: type[Config], values: dict[str, Any]) -> Config:
        """Builds a config from a JSON object.

        Raises:
            ValueError: a key is unknown or missing, or has a value that this implementation does not support.
        """
        values = dict(values)
        for key, constant in cls.constants().items():
            if (value := values.pop(key, constant)) != constant:
                raise ValueError(f"{cls.__name__}: {key} must be {constant}, got {short_repr(value)}")
        valid = sorted(field.name for field in fields(cls))
        if unknown := sorted(set(values) - set(valid)):
            raise ValueError(f"{cls.__name__}: unknown key {unknown[0]!r}; valid keys are {', '.join(valid)}")
        try:
            return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
        except TypeError as error:
            raise ValueError(f"{cls.__name__}: {error}") from error

    @classmethod
    def constants(cls) -> dict[str, Any]:
        """Keys of config files that this implementation supports a single value of."""
        return {}

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def _is_size(value: Any, number: Any, most: int) -> bool:
    return isinstance(value, number) and not isinstance(value, bool) and 0 < value <= most


@dataclass(frozen=True)
class UNetConfig(_Config):
    """Sizes of the denoiser.

    Attributes:
        in_dim, out_dim: channels of a latent.
        dim: channels at full resolution.
        y_dim: width of the text states.
        context_dim: width of the resampled text tokens, which the spatial transformers attend to.
        dim_mult: channels of each level, in multiples of `dim`; each level halves the resolution.
        num_heads: heads of the temporal transformer after the first convolution; others have channels / head_dim.
        head_dim: width of an attention head.
        num_res_blocks: residual blocks of a level on the way down; there is one more on the way up.
        attn_scales: resolutions with attention, relative to the latent's.
        context_embedding_depth: transformer blocks of the text resampler.
        num_tokens: text tokens that the resampler returns.
    """

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
        """Width of the per-frame embedding and of the text resampler."""
        return 4 * self.dim


@dataclass(frozen=True)
class VAEConfig(_Config):
    """Sizes of the autoencoder, with the keys of Stable Diffusion's `ddconfig`.

    Attributes:
        ch: channels at full resolution.
        ch_mult: channels of each level, in multiples of `ch`; each level after the first halves the resolution.
        num_res_blocks: residual blocks of an encoder level; a decoder level has one more.
        z_channels: channels of a latent.
        in_channels, out_ch: channels of an image.
        norm_groups: groups of every GroupNorm. Narrow networks need fewer than 32: normalizing a single channel
            removes its mean, and with it the brightness.
    """

    ch: int
    ch_mult: tuple[int, ...]
    num_res_blocks: int
    z_channels: int = 4
    in_channels: int = 3
    out_ch: int = 3
    norm_groups: int = 32

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> VAEConfig:
        return super().from_dict({key: value for key, value in values.items() if key != "resolution"})  # has no effect

    @classmethod
    def constants(cls) -> dict[str, Any]:
        return {"double_z": True, "attn_resolutions": [], "dropout": 0.0}


@dataclass(frozen=True)
class TowerConfig(_Config):
    """Sizes that both towers of an OpenCLIP model have."""

    width: int
    layers: int


@dataclass(frozen=True)
class TextConfig(TowerConfig):
    """Sizes of the text tower; `context_length` is in tokens."""

    heads: int
    context_length: int = 77
    vocab_size: int = 49408


@dataclass(frozen=True)
class VisionConfig(TowerConfig):
    """Sizes of the image tower; `image_size` and `patch_size` are in pixels."""

    image_size: int
    patch_size: int
    head_width: int = 64


@dataclass(frozen=True)
class CLIPConfig(_Config):
    """Sizes of an OpenCLIP model, with the keys of its config files."""

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


@dataclass(frozen=True)
class SamplingConfig(_Config):
    """How weights are best sampled. The defaults are those of the released implementation.

    Attributes:
        steps: denoising steps of each stage, 1..1000.
        sampler: a key of `diffusion.sampling.SAMPLERS`.
        prior_guidance, video_guidance: guidance scales on the text in the spatial and in the temporal stage.
        motion: constant motion cue, 0..1000.
        appearance: factor of the appearance cue, 0..1; see `Cues.constant`.

    Raises:
        ValueError: a value out of range; the message names it.
    """

    steps: int = 50
    sampler: str = "ddim"
    prior_guidance: float = 12.0
    video_guidance: float = 12.0
    motion: int = 500
    appearance: float = 1.0

    def __post_init__(self) -> None:
        for name, kind, most in (
            ("steps", int, 1000),
            ("prior_guidance", int | float, 1000),
            ("video_guidance", int | float, 1000),
            ("motion", int, 1000),
            ("appearance", int | float, 1),
        ):
            value, least = getattr(self, name), 1 if name == "steps" else 0
            if not isinstance(value, kind) or isinstance(value, bool) or not least <= value <= most:
                raise ValueError(
                    f"{name} of the recommended settings must be {least} to {most}, got {short_repr(value)}"
                )
        if not isinstance(self.sampler, str):
            raise ValueError(f"sampler of the recommended settings must be a name, got {short_repr(self.sampler)}")


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
