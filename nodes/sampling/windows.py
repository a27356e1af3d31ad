"""Context windows, in which ComfyUI samples videos longer than the training clips, and loops."""

from __future__ import annotations

import weakref
from copy import copy
from typing import TYPE_CHECKING, Any

from comfy.context_windows import (
    ContextFuseMethod,
    ContextSchedule,
    ContextSchedules,
    IndexListContextHandler,
    create_prepare_sampling_wrapper,
)

from ...higen_core.diffusion.windows import Windows, blend_weights, plan_windows

if TYPE_CHECKING:
    from ..models.model import HigenModel

SCHEDULE = "higen"
LOOPED = (SCHEDULE, ContextSchedules.UNIFORM_LOOPED)
"""Names of the schedules that can close a loop."""
WITHOUT_EFFECT = ("latent_retain_index_list", "cond_retain_index_list")
"""Options of Context Windows, after 0.3.75, that keep a start image in each window. HiGen's is the prior."""


class WindowsOfCore(IndexListContextHandler):
    """ComfyUI's handler with the windows and the weights of the core; it takes part in loops of one window too."""

    def __init__(self, windows: Windows):
        super().__init__(
            ContextSchedule(SCHEDULE, lambda frames, handler, options: windows.indices(handler._step)),
            ContextFuseMethod(SCHEDULE, lambda length, **_: blend_weights(length)),
            context_length=windows.length,
            context_overlap=windows.overlap,
            closed_loop=windows.loop,
            dim=0,
        )

    def should_use_context(self, *_: Any) -> bool:
        return True


def in_windows(model: Any, frames: int, length: int, overlap: int, loop: bool) -> Any:
    """A MODEL that samples so many frames: the same, or a clone with context windows.

    Args:
        length, overlap: of the windows; 0 for those of `plan_windows`.
        loop: see `plan_windows`.

    Raises:
        ValueError: windows that the model cannot have; options beside context windows that the MODEL has already.
    """
    handler = model.model_options.get("context_handler")
    if handler is None:
        windows = plan_windows(frames, model.model.info.frames, length or None, overlap or None, loop)
        if windows.needed:
            model = model.clone()
            model.model_options["context_handler"] = WindowsOfCore(windows)
            create_prepare_sampling_wrapper(model)  # memory is that of a window
        return model
    check_windows(frames, model.model, handler)
    for name, value in (("context_length", length), ("context_overlap", overlap)):
        if value:
            raise ValueError(
                f"{name} is {value}, but model has windows of its own from Context Windows (Manual): set {name} to 0, "
                "or remove that node"
            )
    if loop and not is_loop(handler):
        raise ValueError(
            "loop is on, but the windows that model has from Context Windows (Manual) are no loop: turn on closed_loop "
            "there with context_schedule looped_uniform, or remove that node"
        )
    return model


def is_loop(context_handler: Any) -> bool:
    """Whether the windows of a handler, which may be None, go on from the last frame to the first."""
    schedule = getattr(context_handler, "context_schedule", None)
    return getattr(context_handler, "closed_loop", False) and getattr(schedule, "name", None) in LOOPED


def check_windows(frames: int, model: HigenModel, context_handler: Any) -> None:
    """Raises ValueError for more frames than the weights were trained on, unless they are sampled in windows that are
    no longer, and for windows with options that would have no effect."""
    trained = model.info.frames
    if context_handler is None:
        if frames > trained:
            raise ValueError(
                f"cues are for {frames} frames, this model was trained on {trained}: lower frames in HiGen Cue "
                "Schedule, or sample in windows: with HiGen Temporal Sampler, or with Context Windows (Manual)"
            )
        return
    length = context_handler.context_length
    if min(frames, length) > trained:
        raise ValueError(f"context_length is {length}, this model was trained on {trained} frames: lower it")
    if context_handler.dim != 0:
        raise ValueError(f"context windows must be along dim 0, the frames, for HiGen, got dim {context_handler.dim}")
    for name in WITHOUT_EFFECT:
        if value := getattr(context_handler, name, None):
            raise ValueError(
                f"{name} of the context windows is {','.join(map(str, value))}, but HiGen's windows all see the prior "
                "and keep no other frame: leave it empty"
            )
    if is_loop(context_handler) and frames <= length and not isinstance(context_handler, WindowsOfCore):
        raise ValueError(
            f"closed_loop has no effect on {frames} frames with context_length {length}: lower context_length, or turn "
            "on loop in HiGen Temporal Sampler without Context Windows (Manual)"
        )


def with_frames_in_the_batch(context_handler: Any) -> Any:
    """The handler of context windows for a batch of frames, all at one noise level.

    That of ComfyUI 0.3.75 fails with more than one noise level, so it is given the first. That of later ones puts
    a frame before each window, which HiGen, not being causal, does not need.
    """
    handler = copy(context_handler)
    handler.causal_window_fix = False
    set_step, reference = type(handler).set_step, weakref.ref(handler)  # a cycle would keep the weights in memory
    handler.set_step = lambda timestep, model_options: set_step(reference(), timestep[:1], model_options)
    return handler
