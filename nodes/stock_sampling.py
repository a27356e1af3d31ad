"""What makes ComfyUI's own samplers sample a HiGen video: cues in the conditioning, the noise, and the guidance."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from .. import higen_core as hg
from ..higen_core.diffusion.pipeline import resolve_appearance_guidance
from .conditioning import apply_cues, has_cues
from .latents import empty_video
from .models.model import higen_model
from .sampling.guider import Guidance, TextAndAppearanceGuider
from .sampling.noise import VideoNoise
from .sampling.settings import HigenCues, cues_note, cues_without_model, of_model, resolve_cues
from .sampling.windows import check_windows, is_loop
from .schema import (
    advanced,
    appearance_cfg_input,
    cfg_input,
    cues_input,
    known_fields,
    model_input,
    prior_inputs,
    prior_strength_input,
    prompt_inputs,
    seed_input,
)
from .validation import validated, validated_lazily


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
            inputs=[
                *prompt_inputs(),
                cues,
                prior,
                prior_strength_input(),
                io.Model.Input(
                    "model",
                    optional=True,
                    tooltip="From HiGen Loader, for cues that leave something to the model: frames 0, motion or "
                    "appearance -1.",
                ),
            ],
            **known_fields(search_aliases=["ksampler", "image to video", "motion", "conditioning"]),
            outputs=[
                io.Conditioning.Output(display_name="positive", tooltip="For a sampler."),
                io.Conditioning.Output(display_name="negative", tooltip="For a sampler."),
                io.Latent.Output(display_name="latent", tooltip="An empty video of the right size and length."),
            ],
        )

    @classmethod
    @validated_lazily
    def check_lazy_status(cls, prior=None, cues=None, model=None, **_) -> list[str]:
        """Checks the cues before the prior is sampled."""
        frames = cues_of_input(cues, model).frames
        if model is not None:
            check_windows(frames, higen_model(model), model.model_options.get("context_handler"))
        return ["prior"] if prior is None else []

    @classmethod
    @validated
    def execute(cls, positive, negative, prior, cues=None, prior_strength=1.0, model=None) -> io.NodeOutput:
        shown = {} if model is None else cues_note(cues, higen_model(model).info)
        cues = cues_of_input(cues, model)
        positive, negative = (apply_cues(c, cues, prior, prior_strength) for c in (positive, negative))
        return io.NodeOutput(positive, negative, empty_video(cues, prior), ui=shown)


def cues_of_input(cues: HigenCues, model: Any) -> hg.Cues:
    """The cues of the inputs `cues` and `model`, which may be None. Raises ValueError if they need a model."""
    return cues_without_model(cues) if model is None else resolve_cues(cues, higen_model(model).info)


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
                cues_input(),
                seed_input("noise_seed"),
            ],
            **known_fields(search_aliases=["random noise", "correlated noise"]),
            outputs=[io.Noise.Output(display_name="noise", tooltip="For SamplerCustomAdvanced.")],
        )

    @classmethod
    @validated
    def execute(cls, model, noise_seed, cues=None) -> io.NodeOutput:
        info = higen_model(model).info
        loop = is_loop(model.model_options.get("context_handler"))
        noise = VideoNoise.of_cues(noise_seed, resolve_cues(cues, info), info, loop)
        return io.NodeOutput(noise, ui=cues_note(cues, info))


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
        info = higen_model(model).info
        scale = resolve_appearance_guidance(info, appearance_cfg or None, "appearance_cfg")
        recommended = info.sampling.video_guidance if has_cues(positive) else info.sampling.prior_guidance
        values, shown = of_model({"cfg": cfg}, {"cfg": recommended})
        text, appearance = (
            Guidance(values["cfg"], cfg_start, cfg_end),
            Guidance(scale, appearance_start, appearance_end),
        )
        return io.NodeOutput(TextAndAppearanceGuider(model, positive, negative, text, appearance), ui=shown)
