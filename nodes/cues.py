"""HIGEN_CUES, and the node that makes them from numbers."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from .. import higen_core as hg

HigenCuesType = io.Custom("HIGEN_CUES")
FPS = 8  # what the plot's time axis is in; the speed of playing is set in Video Combine


class HiGenCueSchedule(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="HiGenCueSchedule",
            display_name="HiGen Cue Schedule",
            category="HiGen",
            description="Says how much moves and how much the look changes over the frames of a HiGen video: the "
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
                    tooltip="How much changes from frame to frame, 0 to 1000. With the released scale 500 means that "
                    "an average pixel changes by 5 % of full brightness per frame.",
                ),
                io.Float.Input(
                    "appearance",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="How much the look changes from the first to the last frame, without unit: 0 keeps one "
                    "look, 1 is HiGen's default.",
                ),
            ],
            outputs=[
                HigenCuesType.Output(display_name="cues", tooltip="For HiGen Temporal Sampler."),
                io.Image.Output(display_name="plot", tooltip="Both cues drawn over the frames, for Preview Image."),
            ],
        )

    @classmethod
    def execute(cls, frames, motion, appearance) -> io.NodeOutput:
        cues = hg.Cues.constant(frames=frames, motion=motion, appearance=appearance)
        return io.NodeOutput(cues, torch.from_numpy(hg.plot_cues(cues, fps=FPS))[None])
