"""HiGen Cue Schedule, which makes cues from numbers or drawn curves."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from .. import higen_core as hg
from ..higen_core.cues.curves import MOTION_MAX, Curve, EvaluatedCurve
from .output.curve_value import CurveType, CurveValue, curve_value
from .output.measured_curves import extracted_curves
from .schema import HigenCuesType, advanced, fps_input, known_fields
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
                    default=16,
                    min=2,
                    max=1024,
                    tooltip="Length of the video in frames. The bundled mini was trained on 16, the released HiGen on "
                    "32.",
                ),
                io.Int.Input(
                    "motion",
                    default=500,
                    min=0,
                    max=1000,
                    tooltip="How much changes from frame to frame, 0 to 1000, while no curve is drawn. With the "
                    "released weights, 500 means a mean change of a pixel by 5 % of full brightness per frame.",
                ),
                io.Float.Input(
                    "appearance",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="How much the look changes from the first to the last frame, without unit, while no "
                    "curve is drawn: 0 keeps one look, 1 is HiGen's default.",
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
                        "Frames per second, for the time axes only. HiGen is made for 8. Video Combine sets the "
                        "playback speed.",
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
    def validate_inputs(cls, motion_curve="", appearance_curve="") -> bool | str:
        """Checks the curves before anything runs. Returns True, or the error message."""
        try:
            read_curve("motion_curve", motion_curve, 0)
            read_curve("appearance_curve", appearance_curve, 0)
        except ValueError as error:
            return str(error)
        return True

    @classmethod
    @validated
    def execute(
        cls,
        frames,
        motion,
        appearance,
        motion_curve="",
        appearance_curve="",
        fps=8.0,
        motion_from=None,
        appearance_from=None,
        motion_strength=1.0,
        appearance_strength=1.0,
        motion_curve_from=None,
        appearance_curve_from=None,
    ) -> io.NodeOutput:
        if motion_curve_from is None:
            motion_curve_from = CurveValue(read_curve("motion_curve", motion_curve, motion / MOTION_MAX))
        if appearance_curve_from is None:
            appearance_curve_from = CurveValue(read_curve("appearance_curve", appearance_curve, appearance))
        motion_curve = curve_value("motion_curve_from", motion_curve_from)
        appearance_curve = curve_value("appearance_curve_from", appearance_curve_from)
        drawn = hg.Cues.from_curves(
            EvaluatedCurve(motion_curve.interp_array, "motion_curve_from"),
            EvaluatedCurve(appearance_curve.interp_array, "appearance_curve_from"),
            frames,
        )
        cues = hg.blend_cues(
            drawn,
            motion_from,
            appearance_from,
            motion_strength=motion_strength,
            appearance_strength=appearance_strength,
        )
        plot = torch.from_numpy(hg.plot_cues(cues, fps=fps))[None]
        shown = extracted_curves(cls.hidden.unique_id, motion_from, appearance_from)
        return io.NodeOutput(cues, plot, motion_curve, appearance_curve, ui=shown)


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
