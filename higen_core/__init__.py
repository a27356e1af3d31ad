"""HiGen (Qing et al., CVPR 2024) in PyTorch: text to a spatial prior, prior and cues to video."""

from .blend import blend_cues, resample_cues
from .checkpoint import load_clip, load_unet, load_vae
from .config import MINI, RELEASED, CLIPConfig, UNetConfig, VAEConfig
from .cues import Cues, plot_cues
from .encoders import load_dinov2
from .extract import ExtractedCues, cue_options, extract_cues
from .memory import DecodePlan, Plan, activations, decode_activations, plan, plan_decoding
from .pipeline import (
    draw_noise,
    draw_video_noise,
    prior_steps,
    sample_prior,
    sample_video,
    video_steps,
)
from .priors import fit_pictures
from .sampling import SAMPLERS, Step
from .unet import UNet
from .vae import LATENT_SCALE, VAE

__all__ = [
    "LATENT_SCALE",
    "MINI",
    "RELEASED",
    "SAMPLERS",
    "VAE",
    "CLIPConfig",
    "Cues",
    "DecodePlan",
    "ExtractedCues",
    "Plan",
    "Step",
    "UNet",
    "UNetConfig",
    "VAEConfig",
    "activations",
    "blend_cues",
    "cue_options",
    "decode_activations",
    "draw_noise",
    "draw_video_noise",
    "extract_cues",
    "fit_pictures",
    "load_clip",
    "load_dinov2",
    "load_unet",
    "load_vae",
    "plan",
    "plan_decoding",
    "plot_cues",
    "prior_steps",
    "resample_cues",
    "sample_prior",
    "sample_video",
    "video_steps",
]
