"""Names of earlier versions that are still read: metadata and tensor names of weights, and options of trainings."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

ALIASES = {
    # old name: current name
    "noise_sharing": "noise_correlation",
    "frozen": "static_clip_prob",
    "paused": "pause_prob",
    "noisy_clips": "high_noise_prob",
    "time_power": "timestep_power",
    "picture_steps": "spatial_warmup_steps",
    "pictures": "images",
    "twins": "paired_clips",
    "twin_kinds": "pair_types",
    "leftovers": "residuals",
    "text_tokens": "text_resampler",
}


def renamed(values: Mapping[str, Any], current: Container[str] | None = None) -> dict[str, Any]:
    """Replaces old names by current ones.

    Args:
        values: metadata or options by name.
        current: the names in use; an alias of any other name stays as it is. None replaces every alias.

    Returns:
        A new dict. A value under its current name wins over one under an alias.
    """
    aliases = {old: new for old, new in ALIASES.items() if current is None or new in current}
    return {aliases.get(name, name): value for name, value in values.items() if aliases.get(name) not in values}


VALUE_ALIASES = {
    # option: {old value: current value}
    "keep": {"pictures": "spatial"},
    "pair_types": {"ways": "directions", "paces": "speeds", "colours": "colors"},
}


def renamed_value(name: str, value: Any) -> Any:
    """The current name of a value of the option `name`, or of each value if there are several."""
    aliases = VALUE_ALIASES.get(name, {})
    if isinstance(value, tuple | list):
        return tuple(aliases.get(entry, entry) for entry in value)
    return aliases.get(value, value)
