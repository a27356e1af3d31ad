"""HiGen Cue Schedule, which makes cues from numbers or drawn curves."""

from __future__ import annotations

from typing import Any

import torch
from comfy_api.latest import io
from comfy_execution.graph_utils import ExecutionBlocker

from .. import higen_core as hg
from ..higen_core.cues.curves import MOTION_MAX, Curve
from .models.model import higen_model
from .output.curve_value import CurveType, CurveValue, curve_value
from .output.measured_curves import extracted_curves
from .sampling.settings import OF_MODEL, CueRequest, no_model, stands_for_model
from .schema import FRAMES_MAX, HigenCuesType, advanced, fps_input, known_fields
from .validation import validated


def strength_input(name: str, cues: str) -> io.Input:
    """The weight of the cues that the input `cues` blends in."""
    return io.Float.Input(
        name,
        default=1.0,
        min=0.0,
        max=1.0,
        step=0.01,
        optional=True,
        tooltip=f"Weight of {cues}, while it is connected: 0 is the curve on this node, 1 the connected cues.",
    )


def curve_input(name: str, cue: str, unit: str) -> io.Input:
    """A socket for a curve that takes the place of the drawn one. Without forceInput it would be a curve editor."""
    return CurveType.Input(
        name,
        optional=True,
        tooltip=f"A curve, such as that of Curve Editor, for {cue} over the clip: {unit}. While it is connected, the "
        "curve drawn here does not count.",
        extra_dict={"forceInput": True},
    )


class HiGenCueSchedule(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="HiGenCueSchedule",
            display_name="HiGen Cue Schedule",
            category="HiGen",
            description="Sets how much moves and how much the look changes over the frames of a HiGen video: the "
            "motion cue and the appearance cue.",
            inputs=[
                io.Int.Input(
                    "frames",
                    default=OF_MODEL["frames"],
                    min=0,
                    max=FRAMES_MAX,
                    tooltip="Length of the video in frames; 0 is the length that the model was trained on (mini 16, "
                    "released 32). HiGen Temporal Sampler samples longer videos in windows.",
                ),
                io.Int.Input(
                    "motion",
                    default=OF_MODEL["motion"],
                    min=-1,
                    max=1000,
                    tooltip="How much changes from frame to frame, 0 to 1000, while no curve is drawn; -1 is what "
                    "suits the model (500). With the released weights, 500 means a mean change of a pixel by 5 % of "
                    "full brightness per frame.",
                ),
                io.Float.Input(
                    "appearance",
                    default=OF_MODEL["appearance"],
                    min=-1.0,
                    max=1.0,
                    step=0.01,
                    tooltip="How much the look changes from the first to the last frame, 0 to 1, without unit, while "
                    "no curve is drawn: 0 keeps one look. -1 is what suits the model (mini 0, released 1).",
                ),
                io.String.Input(
                    "motion_curve",
                    default="",
                    optional=True,
                    socketless=True,
                    tooltip="Motion over the clip, drawn on the node, as JSON (see the help page): height 1 is motion "
                    f"{MOTION_MAX}. Empty: the constant motion.",
                ),
                io.String.Input(
                    "appearance_curve",
                    default="",
                    optional=True,
                    socketless=True,
                    tooltip="Appearance over the clip, drawn on the node, as JSON (see the help page): height 1 is "
                    "factor 1. Empty: the constant appearance.",
                ),
                advanced(
                    fps_input(
                        "fps",
                        "Frames per second, for the time axes only; 0 is the model's rate (8). Video Combine sets the "
                        "playback speed.",
                        default=OF_MODEL["fps"],
                        optional=True,
                    )
                ),
                HigenCuesType.Input(
                    "motion_from",
                    optional=True,
                    tooltip="Cues to take motion from, such as those of HiGen Cue Extractor, of any length.",
                ),
                HigenCuesType.Input(
                    "appearance_from",
                    optional=True,
                    tooltip="Cues to take appearance from, such as those of HiGen Cue Extractor, of any length.",
                ),
                strength_input("motion_strength", "motion_from"),
                strength_input("appearance_strength", "appearance_from"),
                curve_input("motion_curve_from", "motion", f"height 1 is motion {MOTION_MAX}"),
                curve_input("appearance_curve_from", "appearance", "height 1 is factor 1"),
                io.Model.Input(
                    "model",
                    optional=True,
                    tooltip="From HiGen Loader, for what is left to the model. HiGen Temporal Sampler can also supply "
                    "it, but the outputs plot and curves then have no value.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="A motion brush: where the cues of this node hold, as drawn in ComfyUI's mask editor. One "
                    "mask, or one a frame, of any size. The rest of the picture is still, or follows outside.",
                ),
                HigenCuesType.Input(
                    "outside",
                    optional=True,
                    tooltip="Cues for where the mask is 0, of any length; without them nothing moves there. They count "
                    "with a mask only.",
                ),
            ],
            hidden=[io.Hidden.unique_id],
            outputs=[
                HigenCuesType.Output(display_name="cues", tooltip="For HiGen Temporal Sampler."),
                io.Image.Output(display_name="plot", tooltip="Both cues drawn over the frames, for Preview Image."),
                CurveType.Output(
                    display_name="motion_curve",
                    tooltip="The motion curve that applies, before other cues are blended in, for nodes that take a "
                    f"curve: height 1 is motion {MOTION_MAX}.",
                ),
                CurveType.Output(
                    display_name="appearance_curve",
                    tooltip="The appearance curve that applies, before other cues are blended in, for nodes that take "
                    "a curve: height 1 is factor 1.",
                ),
            ],
            not_idempotent=True,  # the answer names the node, so an equal node needs one of its own
            **known_fields(
                search_aliases=["motion curve", "motion schedule", "animation curve", "keyframes", "motion strength"],
                has_intermediate_output=True,
            ),
        )

    @classmethod
    def validate_inputs(cls, frames=None, motion_curve="", appearance_curve="") -> bool | str:
        """Checks the length and the curves before anything runs. Returns True, or the error message."""
        if frames is not None and (frames == 1 or not 0 <= frames <= FRAMES_MAX):  # None: from another node
            return f"frames must be 0, as the model says, or 2 to {FRAMES_MAX}, got {frames}"
        try:
            read_curve("motion_curve", motion_curve, 0)
            read_curve("appearance_curve", appearance_curve, 0)
        except ValueError as error:
            return str(error)
        return True

    @classmethod
    async def execute(cls, **inputs: Any) -> io.NodeOutput:
        """Async, since ComfyUI runs such nodes first: what does not fit together, such as the number of masks, is an
        error before a prior is sampled."""
        return cls.make_cues(**inputs)

    @classmethod
    @validated
    def make_cues(
        cls,
        frames,
        motion,
        appearance,
        motion_curve="",
        appearance_curve="",
        fps=0.0,
        motion_from=None,
        appearance_from=None,
        motion_strength=1.0,
        appearance_strength=1.0,
        motion_curve_from=None,
        appearance_curve_from=None,
        model=None,
        mask=None,
        outside=None,
    ) -> io.NodeOutput:
        request = CueRequest(
            frames,
            curve_of("motion", motion_curve_from, motion_curve, motion, MOTION_MAX),
            curve_of("appearance", appearance_curve_from, appearance_curve, appearance, 1),
            motion_from,
            appearance_from,
            motion_strength,
            appearance_strength,
            mask,
            outside,
        )
        info = hg.ModelInfo() if model is None else higen_model(model).info
        shown = shown_defaults(request, fps, info) if model is not None else {}
        if model is not None:
            request = request.complete(info)
        if request.of_model:
            return unknown_until_sampled(request)
        cues = request.cues()
        plot = torch.from_numpy(hg.plot_cues(cues, fps=fps or info.fps))[None]
        shown |= extracted_curves(cls.hidden.unique_id, request.motion_from, request.appearance_from)
        return io.NodeOutput(cues, plot, request.motion, request.appearance, ui=shown)


def shown_defaults(request: CueRequest, fps: float, info: hg.ModelInfo) -> dict[str, list]:
    """The ui entry with the values that the model supplies."""
    values = {"frames": info.frames, "motion": info.sampling.motion, "appearance": info.sampling.appearance}
    used = {name: value for name, value in values.items() if name in request.of_model}
    return {"higen_defaults": [used | ({} if fps else {"fps": info.fps})]}


def unknown_until_sampled(request: CueRequest) -> io.NodeOutput:
    """A request for a sampler, which knows the model. Nodes that the other outputs lead to get an error message."""
    blocked = ExecutionBlocker(no_model(request.of_model))
    return io.NodeOutput(
        request,
        blocked,
        blocked if request.motion is None else request.motion,
        blocked if request.appearance is None else request.appearance,
    )


def curve_of(cue: str, connected: Any, drawn: str | None, constant: float, top: float) -> Any:
    """The CURVE of a cue: connected, drawn as JSON, or a constant of 0 to `top`; None for that of the model."""
    if connected is not None:
        return curve_value(f"{cue}_curve_from", connected)
    if not drawn and stands_for_model(cue, constant):
        return None
    return CurveValue(read_curve(f"{cue}_curve", drawn, constant / top))


def read_curve(name: str, text: str | None, constant: float) -> Curve:
    """The curve in the text of input `name`, or the constant (0..1) if the text is empty.

    Raises:
        ValueError: text that is not a curve; the message names the input.
    """
    if not text:
        return Curve.constant(constant)
    try:
        return Curve.from_json(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
