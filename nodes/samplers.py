"""HiGen Spatial Prior Sampler and HiGen Temporal Sampler, the two stages of text to video."""

from __future__ import annotations

from comfy_api.latest import io

from .. import higen_core as hg
from .conditioning import text_states
from .cue_schedule import HigenCuesType
from .latents import check_size, from_core, to_prior
from .models.model import HigenModel, HigenModelType
from .output.progress import follow, previewer
from .validation import validated

LATENT_CHANNELS = 4


def sampling_inputs() -> list[io.Input]:
    """The sampling options, which both stages have in this order."""
    return [
        io.Int.Input(
            "seed",
            default=0,
            min=0,
            max=0xFFFFFFFFFFFFFFFF,
            control_after_generate=True,
            tooltip="Seed of the noise, which is drawn on the CPU: a seed gives the same result on every device.",
        ),
        io.Int.Input(
            "steps", default=50, min=1, max=1000, tooltip="Denoising steps. HiGen's default is 50; 20 is often enough."
        ),
        io.Float.Input(
            "cfg",
            default=12.0,
            min=0.0,
            max=100.0,
            step=0.1,
            tooltip="Classifier-free guidance scale, without unit: 1 ignores the negative prompt, higher follows the "
            "positive one more closely. HiGen's default is 12.",
        ),
        io.Combo.Input(
            "sampler",
            options=list(hg.SAMPLERS),
            default="ddim",
            tooltip="Sampling method. ddim is HiGen's own; dpmpp_2m needs about half the steps.",
        ),
    ]


def prompt_inputs() -> list[io.Input]:
    """The model and the prompts, which both stages have in this order."""
    return [
        HigenModelType.Input("model", tooltip="From HiGen Loader."),
        io.Conditioning.Input("positive", tooltip="The prompt, from CLIP Text Encode with HiGen Loader's CLIP."),
        io.Conditioning.Input(
            "negative", tooltip="What to avoid, from CLIP Text Encode; HiGen was trained with an empty text."
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
            outputs=[io.Latent.Output(display_name="prior", tooltip="One picture; VAE Decode shows it.")],
        )

    @classmethod
    @validated
    def execute(cls, model: HigenModel, positive, negative, width, height, seed, steps, cfg, sampler) -> io.NodeOutput:
        width, height = width or model.info.width, height or model.info.height
        for name, side in (("width", width), ("height", height)):
            check_size(name, side, model.size_step)
        noise = hg.draw_noise(seed, (1, LATENT_CHANNELS, 1, height // 8, width // 8))
        text, uncond = text_states(positive, negative, model.unet.config.y_dim)
        unet, plan = model.load(1, height // 8, width // 8), model.plan(1, height // 8, width // 8)
        sampler_steps = hg.prior_steps(
            unet,
            text,
            uncond,
            noise=noise,
            steps=steps,
            guidance=cfg,
            sampler=sampler,
            batch_guidance=plan.batch_guidance,
        )
        return io.NodeOutput(from_core(follow(sampler_steps, steps, previewer(model.device, model.info))))


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
                *prompt_inputs(),
                io.Latent.Input(
                    "prior", tooltip="The latent of one picture: it sets the size and the content of the video."
                ),
                HigenCuesType.Input("cues", tooltip="From HiGen Cue Schedule: frames, motion and appearance."),
                *sampling_inputs(),
                io.Float.Input(
                    "prior_strength",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    optional=True,
                    tooltip="How closely the frames follow the prior, without unit: 1 as in training, 0 not at all.",
                ),
                io.Float.Input(
                    "appearance_cfg",
                    default=0.0,
                    min=0.0,
                    max=10.0,
                    step=0.1,
                    optional=True,
                    tooltip="Guidance scale of the appearance cue, without unit: 1 is none, higher makes small changes "
                    "smaller and large ones larger. 0 is the model's own value (mini 3, released 1).",
                ),
            ],
            outputs=[io.Latent.Output(display_name="video", tooltip="One latent a frame, in order, for VAE Decode.")],
        )

    @classmethod
    @validated
    def execute(
        cls,
        model: HigenModel,
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
        if cues.frames > model.info.frames:
            raise ValueError(
                f"cues are for {cues.frames} frames, this model was trained on {model.info.frames}: lower frames in "
                "HiGen Cue Schedule"
            )
        prior = to_prior(prior, model.size_step)
        height, width = prior.shape[2:]
        noise, offset_noise = hg.draw_video_noise(seed, (1, LATENT_CHANNELS, cues.frames, height, width))
        text, uncond = text_states(positive, negative, model.unet.config.y_dim)
        unet, plan = model.load(cues.frames, height, width), model.plan(cues.frames, height, width)
        sampler_steps = hg.video_steps(
            unet,
            text,
            uncond,
            prior=prior,
            cues=cues,
            noise=noise,
            offset_noise=offset_noise,
            prior_strength=prior_strength,
            steps=steps,
            guidance=cfg,
            appearance_guidance=appearance_cfg or None,
            sampler=sampler,
            batch_guidance=plan.batch_guidance,
            chunk=plan.chunk,
        )
        return io.NodeOutput(from_core(follow(sampler_steps, steps, previewer(model.device, model.info))))
