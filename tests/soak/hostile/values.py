"""Strategies of hostile values: for widgets, and for tensors and objects on links."""

from __future__ import annotations

import json
from typing import Any

import torch
from hypothesis import strategies as st

NUMBERS = (0, -0.0, 1, -1, 2, 3, 1e-300, 0.1, 16.5, 1e38, -1e308, 2**31, 2**63, -(2**63), 2**200, 10**30)
NAN, INFINITY = float("nan"), float("inf")
STRANGE = (None, True, "", "8", "nan", b"\0", [], [8], {}, {"samples": None}, object(), 1j, ("a",))
SIDES = (0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 31)
DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.uint8, torch.int64, torch.bool)
FILLS = (0.0, 0.5, 1.0, NAN, INFINITY, -INFINITY, 1e38, -1e38, 300.0, -5.0)

numbers = st.sampled_from((*NUMBERS, NAN, INFINITY, -INFINITY)) | st.floats() | st.integers(-(2**70), 2**70)
strange = st.sampled_from(STRANGE)
texts = st.text(max_size=300) | st.sampled_from(("../..", "/etc/passwd", "a\0b", "x" * 3000, "%date:yyyy%", "a/", "."))


@st.composite
def tensors(draw: st.DrawFn, most: int = 5) -> torch.Tensor:
    """A small tensor of any rank, size, type and content."""
    shape = draw(st.lists(st.sampled_from(SIDES), max_size=most).map(tuple))
    if draw(st.booleans()) and len(shape) > 1:  # the ranks and channels that nodes want are likely
        shape = (*shape[:3], draw(st.sampled_from((3, 4, 64))))
    tensor = torch.full(shape, draw(st.sampled_from(FILLS)), dtype=torch.float64)
    if draw(st.booleans()):
        tensor = torch.rand(shape, dtype=torch.float64)
        if tensor.numel() and draw(st.booleans()):
            tensor.view(-1)[-1] = draw(st.sampled_from(FILLS))
    dtype = draw(st.sampled_from(DTYPES[:3] + DTYPES))
    return (tensor if dtype.is_floating_point else tensor.nan_to_num(0, 1, 0)).to(dtype)


def described(value: Any) -> str:
    """A value in a few words, for the list of findings."""
    if isinstance(value, torch.Tensor):
        low, high = (value.double().aminmax() if value.numel() else ("", "")) if value.ndim else (value, value)
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)} {low}..{high}".replace("tensor", "")
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {described(entry)}" for key, entry in list(value.items())[:4]) + "}"
    if isinstance(value, list | tuple) and len(value) <= 3:
        return f"[{', '.join(map(described, value))}]"
    return repr(value)[:100]


latents = st.fixed_dictionaries({"samples": tensors()})
options = st.dictionaries(
    st.sampled_from(("pooled_output", "strength", "mask", "mask_strength", "area", "start_percent", "end_percent"))
    | st.sampled_from(("control", "reference_latents", "unclip_conditioning", "higen_cues", "set_area_to_bounds")),
    numbers | strange | tensors(),
    max_size=2,
)
conditionings = st.lists(st.tuples(tensors(3) | st.just(torch.rand(1, 77, 64)), options).map(list), max_size=3)
sounds = st.fixed_dictionaries({"waveform": tensors(3) | strange, "sample_rate": numbers | strange})

points = st.lists(st.lists(st.floats(0, 1) | numbers, min_size=1, max_size=3), max_size=5)
curves = st.fixed_dictionaries({"points": points | strange.filter(lambda value: isinstance(value, list | None))})
curve_texts = (
    curves.map(lambda value: json.dumps(value, default=str))
    | st.builds(lambda depth: "[" * depth + "]" * depth, st.sampled_from((10, 10_000, 200_000)))
    | st.builds(lambda n: json.dumps({"points": [[i / n, 0.5] for i in range(n)]}), st.sampled_from((2, 10_000)))
    | st.sampled_from(('{"points": [[0, 1e999]]}', '{"points": ' + "9" * 5000 + "}", "NaN", '{"points": [[0, true]]}'))
    | st.text(max_size=40)
)
