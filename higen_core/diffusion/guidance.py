"""Classifier-free guidance on one condition or several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

Velocity = Callable[[Tensor, int], Tensor]
"""The velocity of x (b, ...) at a time step 0..999, in the shape of x."""
Conditions = Mapping[str, Tensor]
"""Keyword arguments of the denoiser, each with the batch in front."""
Branches = Callable[[Tensor, int, Sequence[int]], list[Tensor]]
"""The velocities of x (b, ...) at a time step under some of several conditions, given by their numbers."""


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
    return guided(branches_of(model, [cond, *(null for _, null in active)], batched), [scale for scale, _ in active])


def branches_of(model: Callable[..., Tensor], branches: Sequence[Conditions], batched: bool = True) -> Branches:
    """The velocities under each of several conditions; arguments as in `classifier_free_guidance`."""
    cond = branches[0]
    batched = batched and all(branch[name].shape == cond[name].shape for branch in branches for name in cond)

    def velocities(x: Tensor, t: int, wanted: Sequence[int]) -> list[Tensor]:
        time, chosen = torch.full((len(x),), t, device=x.device), [branches[number] for number in wanted]
        if not batched:
            return [model(x, time, **branch) for branch in chosen]
        n = len(chosen)
        joined = {name: torch.cat([branch[name] for branch in chosen]) for name in cond}
        return list(model(torch.cat([x] * n), time.repeat(n), **joined).chunk(n))

    return velocities


def guided(velocities: Branches, scales: Sequence[float]) -> Velocity:
    """The guided velocity of branches: the one under all conditions, then one for each scale with a condition null."""

    def guided_velocity(x: Tensor, t: int) -> Tensor:
        v, *v_nulls = velocities(x, t, range(len(scales) + 1))
        return v + sum(guidance_term(v, v_null, scale) for scale, v_null in zip(scales, v_nulls, strict=True))

    return guided_velocity


def guidance_term(conditioned: Tensor, null: Tensor, scale: float) -> Tensor:
    """What guidance on one condition adds to a prediction under all conditions; `null` has this one null."""
    return (scale - 1) * (conditioned - null)
