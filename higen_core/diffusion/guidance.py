"""Classifier-free guidance on one condition or several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

Velocity = Callable[[Tensor, int], Tensor]
"""The velocity of x (b, ...) at a time step 0..999, in the shape of x."""
Conditions = Mapping[str, Tensor]
"""Keyword arguments of the denoiser, each with the batch in front."""


def classifier_free_guidance(
    model: Callable[..., Tensor],
    cond: Conditions,
    unconds: Sequence[tuple[float, Conditions]],
    batched: bool = True,
) -> Velocity:
    """Guidance on each of several conditions independently: v + sum_k (scale_k - 1) (v - v_k).

    v is the velocity under all conditions, v_k the velocity with condition k alone replaced by its null value. With
    one condition this is classifier-free guidance (Ho and Salimans 2022, eq. 6, with scale = w + 1).

    Args:
        model: `model(x, t, **conditions)` with t (b,), returns the velocity.
        cond: all conditions.
        unconds: for each guided condition its scale, and all conditions with this one null. A scale of 1 costs no
            evaluation.
        batched: evaluate all branches in one call on a batch of them, or else one call after the other, which takes
            less memory. Branches that differ in shape, such as prompts of different lengths, always take a call each.

    Returns:
        A function of x (b, ...) and the time step that gives the guided velocity.
    """
    active = [(scale, null) for scale, null in unconds if scale != 1]
    branches = [cond, *(null for _, null in active)]
    batched = batched and all(branch[name].shape == cond[name].shape for branch in branches for name in cond)

    def guided_velocity(x: Tensor, t: int) -> Tensor:
        time = torch.full((len(x),), t, device=x.device)
        if batched:
            n = len(branches)
            joined = {name: torch.cat([branch[name] for branch in branches]) for name in cond}
            v, *v_nulls = model(torch.cat([x] * n), time.repeat(n), **joined).chunk(n)
        else:
            v, *v_nulls = (model(x, time, **branch) for branch in branches)
        return v + sum(guidance_term(v, v_null, scale) for (scale, _), v_null in zip(active, v_nulls, strict=True))

    return guided_velocity


def guidance_term(conditioned: Tensor, null: Tensor, scale: float) -> Tensor:
    """What guidance on one condition adds to a prediction under all conditions; `null` has this one null."""
    return (scale - 1) * (conditioned - null)
