"""What makes ComfyUI's own samplers sample a HiGen video: cues in the conditioning, the noise, and the guidance."""

from __future__ import annotations

from comfy_api.latest import io

from ..higen_core.diffusion.pipeline import resolve_appearance_guidance
from .conditioning import apply_cues
from .latents import empty_video
from .models.model import higen_model
from .sampling.guider import Guidance, TextAndAppearanceGuider
from .sampling.noise import VideoNoise
from .schema import (
    HigenCuesType,
    advanced,
    appearance_cfg_input,
    cfg_input,
    known_fields,
    model_input,
    prior_inputs,
    prior_strength_input,
    prompt_inputs,
    seed_input,
)
from .validation import validated


class HiGenApplyCues(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        prior, cues = prior_inputs()
        return io.Schema(
            node_id="HiGenApplyCues",
            display_name="HiGen Apply Cues",
            category="HiGen",
            description="Puts a spatial prior and cues into the conditioning, so that KSampler and ComfyUI's other "
            "samplers make a HiGen video. Without it they make a spatial prior.",
            inputs=[*prompt_inputs(), cues, prior, prior_strength_input()],
            **known_fields(search_aliases=["ksampler", "image to video", "motion", "conditioning"]),
            outputs=[
                io.Conditioning.Output(display_name="positive", tooltip="For a sampler."),
                io.Conditioning.Output(display_name="negative", tooltip="For a sampler."),
                io.Latent.Output(display_name="latent", tooltip="An empty video of the right size and length."),
            ],
        )

    @classmethod
    @validated
    def execute(cls, positive, negative, cues, prior, prior_strength=1.0) -> io.NodeOutput:
        positive, negative = (apply_cues(c, cues, prior, prior_strength) for c in (positive, negative))
        return io.NodeOutput(positive, negative, empty_video(cues, prior))


class HiGenVideoNoise(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="HiGenVideoNoise",
            display_name="HiGen Video Noise",
            category="HiGen",
            description="Noise for SamplerCustomAdvanced as the model was trained with: alike in frames between which "
            "little moves. KSampler takes the same noise by itself.",
            inputs=[
                model_input(),
                HigenCuesType.Input("cues", tooltip="The cues of the video, from HiGen Cue Schedule."),
                seed_input("noise_seed"),
            ],
            **known_fields(search_aliases=["random noise", "correlated noise"]),
            outputs=[io.Noise.Output(display_name="noise", tooltip="For SamplerCustomAdvanced.")],
        )

    @classmethod
    @validated
    def execute(cls, model, cues, noise_seed) -> io.NodeOutput:
        return io.NodeOutput(VideoNoise(noise_seed, cues.motion, higen_model(model).info.noise_correlation))


def range_inputs(name: str, guidance: str) -> list[io.Input]:
    """The part of sampling in which a guidance applies."""
    return [
        advanced(
            io.Float.Input(
                f"{name}_{end}",
                default=default,
                min=0.0,
                max=1.0,
                step=0.01,
                optional=True,
                tooltip=f"Fraction of sampling, 0 to 1, at which {guidance} {end}s.",
            )
        )
        for end, default in (("start", 0.0), ("end", 1.0))
    ]


class HiGenGuider(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="HiGenGuider",
            display_name="HiGen Guider",
            category="HiGen",
            description="Guidance on the text and on the appearance cue, for SamplerCustomAdvanced, each over a part "
            "of the sampling.",
            inputs=[
                model_input(),
                io.Conditioning.Input("positive", tooltip="From HiGen Apply Cues, or a prompt for a spatial prior."),
                io.Conditioning.Input("negative", tooltip="From HiGen Apply Cues, or a prompt for a spatial prior."),
                cfg_input(),
                appearance_cfg_input(),
                *range_inputs("cfg", "the guidance on the text"),
                *range_inputs("appearance", "the guidance on the appearance cue"),
            ],
            **known_fields(search_aliases=["cfg guider", "dual cfg", "appearance guidance"]),
            outputs=[io.Guider.Output(display_name="guider", tooltip="For SamplerCustomAdvanced.")],
        )

    @classmethod
    @validated
    def execute(
        cls,
        model,
        positive,
        negative,
        cfg,
        appearance_cfg=0.0,
        cfg_start=0.0,
        cfg_end=1.0,
        appearance_start=0.0,
        appearance_end=1.0,
    ) -> io.NodeOutput:
        scale = resolve_appearance_guidance(higen_model(model).info, appearance_cfg or None)
        text, appearance = Guidance(cfg, cfg_start, cfg_end), Guidance(scale, appearance_start, appearance_end)
        return io.NodeOutput(TextAndAppearanceGuider(model, positive, negative, text, appearance))
