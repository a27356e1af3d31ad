"""HiGen (Qing et al., CVPR 2024) in PyTorch: text to a spatial prior, prior and cues to video. See DESIGN in README."""

from .checkpoint import load_clip, load_unet, load_vae
from .config import MINI, RELEASED, CLIPConfig, UNetConfig, VAEConfig
from .cues import Cues, plot_cues
from .pipeline import (
    draw_noise,
    draw_video_noise,
    prior_steps,
    sample_prior,
    sample_video,
    video_steps,
)
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
    "Step",
    "UNet",
    "UNetConfig",
    "VAEConfig",
    "draw_noise",
    "draw_video_noise",
    "load_clip",
    "load_unet",
    "load_vae",
    "plot_cues",
    "prior_steps",
    "sample_prior",
    "sample_video",
    "video_steps",
]
