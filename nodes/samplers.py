"""HiGen Spatial Prior Sampler and HiGen Temporal Sampler, the two stages of text to video."""

from __future__ import annotations

from comfy_api.latest import io

from .. import higen_core as hg
from ..higen_core.diffusion.pipeline import resolve_appearance_guidance
from .conditioning import apply_cues
from .latents import LATENT_CHANNELS, check_prior, check_size, empty_video
from .models.model import higen_model
from .sampling.acceleration import accelerated_steps
from .sampling.core_sampler import sample
from .sampling.guider import Guidance, TextAndAppearanceGuider
from .sampling.matching import check_vae, match_inputs, match_note, sample_matched
from .sampling.noise import VideoNoise
from .sampling.settings import cues_note, of_model, resolve_cues
from .sampling.windows import in_windows, is_loop
from .schema import (
    appearance_cfg_input,
    known_fields,
    model_input,
    prior_inputs,
    prior_strength_input,
    prompt_inputs,
    sampling_inputs,
    size_inputs,
    window_inputs,
)
from .validation import validated, validated_lazily


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
                *size_inputs(),
                *sampling_inputs(),
            ],
            **known_fields(search_aliases=["text to video", "t2v", "text to image", "spatial stage"]),
            outputs=[io.Latent.Output(display_name="prior", tooltip="One picture; VAE Decode shows it.")],
        )

    @classmethod
    @validated
    def execute(cls, model, positive, negative, width, height, seed, steps, cfg, sampler) -> io.NodeOutput:
        higen = higen_model(model)
        sampling = higen.info.sampling
        values, shown = of_model(
            {"width": width, "height": height, "steps": steps, "cfg": cfg, "sampler": sampler},
            {"width": higen.info.width, "height": higen.info.height, "cfg": sampling.prior_guidance}
            | {"steps": sampling.steps, "sampler": sampling.sampler},
        )
        for name in ("width", "height"):
            check_size(name, values[name], higen.size_step)
        guider = TextAndAppearanceGuider(model, positive, negative, Guidance(values["cfg"]), Guidance(1.0))
        noise = hg.draw_noise(seed, (1, LATENT_CHANNELS, values["height"] // 8, values["width"] // 8))
        return io.NodeOutput(sample(guider, noise, values["sampler"], values["steps"], seed), ui=shown)


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
                *window_inputs(),
                *match_inputs(),
            ],
            **known_fields(search_aliases=["text to video", "t2v", "video sampler", "animate", "long video", "loop"]),
            outputs=[io.Latent.Output(display_name="video", tooltip="One latent a frame, in order, for VAE Decode.")],
        )

    @classmethod
    @validated_lazily
    def check_lazy_status(
        cls, model, prior=None, cues=None, context_length=0, context_overlap=0, loop=False, match=0, vae=None, **_
    ) -> list[str]:
        """Checks cues and windows before the prior is sampled."""
        check_vae(match, vae)
        frames = resolve_cues(cues, higen_model(model).info).frames
        in_windows(model, frames, context_length, context_overlap, loop)
        return ["prior"] if prior is None else []

    @classmethod
    @validated
    def execute(
        cls,
        model,
        positive,
        negative,
        prior,
        seed,
        steps,
        cfg,
        sampler,
        cues=None,
        prior_strength=1.0,
        appearance_cfg=0.0,
        context_length=0,
        context_overlap=0,
        loop=False,
        match=0,
        vae=None,
    ) -> io.NodeOutput:
        higen = higen_model(model)
        sampling = higen.info.sampling
        schedule, recommended = accelerated_steps(model, steps, sampler)
        values, shown = of_model(
            {"steps": steps, "cfg": cfg, "sampler": sampler}, recommended | {"cfg": sampling.video_guidance}
        )
        shown |= cues_note(cues, higen.info)
        cues = resolve_cues(cues, higen.info)
        check_vae(match, vae)
        check_prior(prior, higen.size_step, cues.frames)
        model = in_windows(model, cues.frames, context_length, context_overlap, loop)
        loop = is_loop(model.model_options.get("context_handler"))
        appearance = Guidance(resolve_appearance_guidance(higen.info, appearance_cfg or None, "appearance_cfg"))
        noise = VideoNoise.of_cues(seed, cues, higen.info, loop).generate_noise(empty_video(cues, prior))

        def sample_with(cues, steps, callback=None):
            prompts = (apply_cues(prompt, cues, prior, prior_strength) for prompt in (positive, negative))
            guider = TextAndAppearanceGuider(model, *prompts, Guidance(values["cfg"]), appearance)
            return sample(guider, noise, values["sampler"], steps, seed, callback, schedule)

        if not match:
            return io.NodeOutput(sample_with(cues, values["steps"]), ui=shown)
        steps_of_draft = 0 if schedule else hg.draft_steps(values["steps"])
        found = sample_matched(sample_with, cues, match, vae, model, values["steps"], steps_of_draft)
        shown["higen_notes"] += match_note(found)
        return io.NodeOutput(found.video, ui=shown)
