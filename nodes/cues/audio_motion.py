"""HiGen Audio Motion: a motion curve that follows a sound."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from ... import higen_core as hg
from ...higen_core.cues.curves import MOTION_MAX, Curve, appearance_matrix
from ...higen_core.cues.sound import MEASURES, sound_frames
from ..models.model import higen_model
from ..output.curve_value import CurveType, CurveValue
from ..output.sound import full_scale, read_audio
from ..schema import FRAMES_MAX, HigenCuesType, fps_input, known_fields
from ..validation import validated


class HiGenAudioMotion(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="HiGenAudioMotion",
            display_name="HiGen Audio Motion",
            category="HiGen",
            description="Turns a sound into a motion curve, by its loudness or by the onsets of its notes and beats, "
            "so that a video moves with it.",
            inputs=[
                io.Audio.Input("audio", tooltip="From Load Audio, or the sound of a video."),
                io.Combo.Input(
                    "measure",
                    options=list(MEASURES),
                    default=MEASURES[0],
                    tooltip="loudness: the level, from 40 dB below its loudest moment to that moment. onsets: the "
                    "beginnings of notes and beats, by how much the sound rises.",
                ),
                io.Int.Input(
                    "frames",
                    default=0,
                    min=0,
                    max=FRAMES_MAX,
                    tooltip="Length of the video in frames; 0 is the length that the model was trained on, and without "
                    "model that of the sound.",
                ),
                fps_input("fps", "Frames per second of the video; 0 is the model's rate (8).", default=0.0),
                io.Float.Input(
                    "start",
                    default=0.0,
                    min=0.0,
                    max=1_000_000.0,
                    step=0.1,
                    tooltip="Seconds of the sound to skip at its beginning.",
                ),
                motion_input("low", 0, "is quiet; also of silence"),
                motion_input("high", 600, "is strongest"),
                io.Float.Input(
                    "decay",
                    default=0.2,
                    min=0.0,
                    max=60.0,
                    step=0.05,
                    tooltip="Seconds in which motion falls to 37 % after a sound stops; 0 follows it at once.",
                ),
                io.Model.Input(
                    "model", optional=True, tooltip="From HiGen Loader, for the length and the rate of the video."
                ),
            ],
            outputs=[
                HigenCuesType.Output(
                    display_name="cues",
                    tooltip="For motion_from of HiGen Cue Schedule, or a sampler. Their appearance is one look.",
                ),
                CurveType.Output(
                    display_name="motion_curve",
                    tooltip="For motion_curve_from of HiGen Cue Schedule: height 1 is motion 1000.",
                ),
                io.Image.Output(display_name="plot", tooltip="Motion over the frames, for Preview Image."),
            ],
            **known_fields(
                search_aliases=["audio reactive", "sound", "music", "beat", "loudness"], has_intermediate_output=True
            ),
        )

    @classmethod
    @validated
    def execute(cls, audio, measure, frames, fps, start, low, high, decay, model=None) -> io.NodeOutput:
        info = None if model is None else higen_model(model).info
        fps = fps or (info or hg.ModelInfo()).fps
        if frames == 1:
            raise ValueError("frames must be 0, or at least 2, got 1")
        frames = frames or (info.frames if info else None)
        waveform, rate = read_audio(audio)
        length = frames or sound_frames(waveform.shape[1], rate, fps=fps, start=start)
        if length > FRAMES_MAX:
            raise ValueError(
                f"audio is {length} frames long at {fps:g} fps, a video has at most {FRAMES_MAX}: set frames"
            )
        if not waveform.is_floating_point():
            waveform = waveform.float() / full_scale(waveform)
        options = {"measure": measure, "start": start, "low": low, "high": high, "decay": decay}
        motion = hg.sound_motion(waveform, round(rate), frames=length, fps=fps, **options)
        cues = hg.Cues(motion, appearance_matrix(torch.zeros(len(motion) + 1)))
        plot = torch.from_numpy(hg.plot_cues(cues, fps=fps))[None]
        return io.NodeOutput(cues, CurveValue(curve_through(motion)), plot, ui={"text": [describe(motion, low)]})


def motion_input(name: str, default: int, moment: str) -> io.Input:
    return io.Int.Input(
        name, default=default, min=0, max=MOTION_MAX, tooltip=f"Motion, 0 to 1000, where the sound {moment}."
    )


def curve_through(motion: torch.Tensor) -> Curve:
    """The curve that has the values of motion (f - 1,) half-way between frames."""
    values = (motion.double() / MOTION_MAX).tolist()
    return Curve(tuple(((i + 0.5) / len(values), y) for i, y in enumerate(values)), "linear")


def describe(motion: torch.Tensor, low: int) -> str:
    """A summary for the node."""
    if bool((motion == low).all()):
        return f"{len(motion) + 1} frames, motion {low} throughout: the sound is silent there"
    return f"{len(motion) + 1} frames, motion {motion.min()} to {motion.max()}, on average {motion.float().mean():.0f}"
