"""HiGen Spatial Prior Sampler and HiGen Temporal Sampler, the two stages of text to video."""

from __future__ import annotations

from comfy_api.latest import io

from .. import higen_core as hg
from ..higen_core.diffusion.pipeline import resolve_appearance_guidance
from .conditioning import apply_cues
from .latents import LATENT_CHANNELS, check_prior, check_size, empty_video
from .models.model import higen_model
from .sampling.core_sampler import sample
from .sampling.guider import Guidance, TextAndAppearanceGuider
from .sampling.noise import VideoNoise
from .schema import (
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


def sampling_inputs() -> list[io.Input]:
    """The sampling options, which both stages have in this order."""
    return [
        seed_input(),
        io.Int.Input(
            "steps", default=50, min=1, max=1000, tooltip="Denoising steps. HiGen's default is 50; 20 is often enough."
        ),
        cfg_input(),
        io.Combo.Input(
            "sampler",
            options=list(hg.SAMPLERS),
            default="ddim",
            tooltip="Sampling method. ddim is HiGen's own; dpmpp_2m needs about half the steps.",
        ),
    ]


class HiGenSpatialPriorSampler(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="HiGenSpatialPriorSampler",
            display_name="HiGen Spatial Prior Sampler",
            category="HiGen",
            description="Stage 1 of text to video: samples one picture, the spatial prior, from the prompt. The latent "
            "of any other picture (Stable Diffusion 1.5 or 2.x, or VAE Encode) can take its place.",
            inputs=[
                model_input(),
                *prompt_inputs(),
                io.Int.Input(
                    "width",
                    default=0,
                    min=0,
                    max=4096,
                    step=8,
                    tooltip="Pixels; 0 is the width the model was trained on.",
                ),
                io.Int.Input(
                    "height",
                    default=0,
                    min=0,
                    max=4096,
                    step=8,
                    tooltip="Pixels; 0 is the height the model was trained on.",
                ),
                *sampling_inputs(),
            ],
            **known_fields(search_aliases=["text to video", "t2v", "text to image", "spatial stage"]),
            outputs=[io.Latent.Output(display_name="prior", tooltip="One picture; VAE Decode shows it.")],
        )

    @classmethod
    @validated
    def execute(cls, model, positive, negative, width, height, seed, steps, cfg, sampler) -> io.NodeOutput:
        higen = higen_model(model)
        width, height = width or higen.info.width, height or higen.info.height
        for name, side in (("width", width), ("height", height)):
            check_size(name, side, higen.size_step)
        guider = TextAndAppearanceGuider(model, positive, negative, Guidance(cfg), Guidance(1.0))
        noise = hg.draw_noise(seed, (1, LATENT_CHANNELS, height // 8, width // 8))
        return io.NodeOutput(sample(guider, noise, sampler, steps, seed))


class HiGenTemporalSampler(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="HiGenTemporalSampler",
            display_name="HiGen Temporal Sampler",
            category="HiGen",
            description="Stage 2 of text to video: sets the spatial prior in motion. The cues set the number of "
            "frames, how much moves and how much the look changes.",
            inputs=[
                model_input(),
                *prompt_inputs(),
                *prior_inputs(),
                *sampling_inputs(),
                prior_strength_input(),
                appearance_cfg_input(),
            ],
            **known_fields(search_aliases=["text to video", "t2v", "video sampler", "animate"]),
            outputs=[io.Latent.Output(display_name="video", tooltip="One latent a frame, in order, for VAE Decode.")],
        )

    @classmethod
    @validated
    def execute(
        cls,
        model,
        positive,
        negative,
        prior,
        cues,
        seed,
        steps,
        cfg,
        sampler,
        prior_strength=1.0,
        appearance_cfg=0.0,
    ) -> io.NodeOutput:
        higen = higen_model(model)
        check_prior(prior, higen.size_step)
        positive, negative = (apply_cues(prompt, cues, prior, prior_strength) for prompt in (positive, negative))
        appearance = Guidance(resolve_appearance_guidance(higen.info, appearance_cfg or None))
        guider = TextAndAppearanceGuider(model, positive, negative, Guidance(cfg), appearance)
        noise = VideoNoise(seed, cues.motion, higen.info.noise_correlation)
        return io.NodeOutput(sample(guider, noise.generate_noise(empty_video(cues, prior)), sampler, steps, seed))
