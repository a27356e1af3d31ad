"""Parts of a schema that not every supported ComfyUI has: what the running one does not know is left out."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

NEWER_FIELDS = ("search_aliases", "has_intermediate_output")
"""Fields of io.Schema that ComfyUI 0.3.75 does not have."""


def known_fields(**fields: Any) -> dict[str, Any]:
    """Those of NEWER_FIELDS that the schema of the running ComfyUI has, as its keyword arguments.

    Raises:
        TypeError: a name that is not one of NEWER_FIELDS.
    """
    if unknown := fields.keys() - set(NEWER_FIELDS):
        raise TypeError(f"a field must be one of {', '.join(NEWER_FIELDS)}, got {sorted(unknown)[0]}")
    return {name: value for name, value in fields.items() if name in io.Schema.__dataclass_fields__}


def advanced(entry: io.Input) -> io.Input:
    """The same input, which the graph editor shows only on request: for what is rarely set."""
    entry.extra_dict["advanced"] = True  # 0.3.75 has no argument for it, but passes it on to the graph editor
    return entry
