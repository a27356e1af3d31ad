"""HiGen Accelerate: the temporal stage with fewer evaluations of the model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from comfy_api.latest import io

from ... import higen_core as hg
from ..models.model import higen_model
from ..schema import advanced, known_fields, model_input
from ..validation import validated
from .acceleration import accelerated

OF_PRESET = 0
"""Value of an input that stands for the preset's."""


class HiGenAccelerate(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="HiGenAccelerate",
            display_name="HiGen Accelerate",
            category="HiGen",
            description="Makes videos with fewer evaluations of the model, in HiGen Temporal Sampler and in ComfyUI's "
            "samplers. The spatial prior is sampled as without it.",
            inputs=[
                model_input(),
                io.Combo.Input(
                    "preset",
                    options=list(hg.PRESETS),
                    default="balanced",
                    tooltip="exact changes nothing; balanced takes fewer evaluations, fast the fewest. Mini's take 24 "
                    "and 10, in place of 36 by default and of 150 in 50 steps.",
                ),
                *guidance_inputs(),
                *forecast_inputs(),
            ],
            **known_fields(search_aliases=["speed up", "faster", "cache", "adaptive guidance", "fewer steps"]),
            outputs=[io.Model.Output(display_name="model", tooltip="The same model, sampled faster.")],
        )

    @classmethod
    @validated
    def execute(cls, model, preset, guidance_every=OF_PRESET, **parts) -> io.NodeOutput:
        acceleration = hg.Acceleration.preset(preset, higen_model(model).info)
        chosen = {name: value for name, value in parts.items() if value != getattr(hg.Acceleration, name)}
        if guidance_every != OF_PRESET:
            chosen["guidance_every"] = guidance_every
        if chosen:  # a schedule says itself what is evaluated
            acceleration = replace(acceleration, schedule=None, **chosen)
        return io.NodeOutput(accelerated(model, acceleration))


def part(kind: type, name: str, **options: Any) -> io.Input:
    """An optional input under "advanced"."""
    return advanced(kind.Input(name, optional=True, **options))


def guidance_inputs() -> list[io.Input]:
    """When the null branches of the guidance are evaluated."""
    return [
        part(
            io.Int,
            "guidance_every",
            default=OF_PRESET,
            min=0,
            max=1000,
            tooltip="Steps from one evaluation of the guidance to the next; it is forecast in between. 0 is as the "
            "preset has it. This and the inputs below replace the preset's schedule.",
        ),
        part(
            io.Int,
            "guidance_order",
            default=1,
            min=0,
            max=3,
            tooltip="Degree of the polynomial in log-SNR that forecasts the guidance: 0 keeps the last.",
        ),
        part(
            io.Float,
            "guidance_start",
            default=0.0,
            min=0.0,
            max=1.0,
            step=0.01,
            tooltip="Fraction of the steps, 0 to 1, at which guidance starts.",
        ),
        part(
            io.Float,
            "guidance_end",
            default=1.0,
            min=0.0,
            max=1.0,
            step=0.01,
            tooltip="Fraction of the steps, 0 to 1, at which guidance ends.",
        ),
        part(
            io.Float,
            "agreement",
            default=0.0,
            min=0.0,
            max=1.0,
            step=0.005,
            round=0.001,
            tooltip="The guidance is not evaluated any more once it changes the prediction by less than this "
            "fraction: 0 is never.",
        ),
    ]


def forecast_inputs() -> list[io.Input]:
    """When the model is evaluated at all."""
    return [
        part(
            io.Int,
            "evaluate_every",
            default=1,
            min=1,
            max=1000,
            tooltip="Steps from one evaluation of the model to the next; its prediction is forecast in between.",
        ),
        part(
            io.Int,
            "order",
            default=1,
            min=0,
            max=3,
            tooltip="Degree of the polynomial in log-SNR that forecasts the prediction: 0 keeps the last.",
        ),
        part(
            io.Float,
            "gate",
            default=0.0,
            min=0.0,
            max=1.0,
            step=0.005,
            round=0.001,
            tooltip="A forecast that changes the prediction by more than this fraction is replaced by an "
            "evaluation: 0 is no limit.",
        ),
    ]
