"""HiGen (Qing et al., CVPR 2024) in PyTorch: text to a spatial prior, prior and cues to video."""

from .cues.cues import Cues, blend_cues, resample_cues
from .cues.dinov2 import load_dinov2
from .cues.extraction import ExtractedCues, cue_options, extract_cues
from .cues.measures import measure_motion
from .cues.plot import plot_cues
from .cues.response import calibrate, motion_reach
from .cues.sound import sound_motion
from .diffusion.acceleration.options import PRESETS, Acceleration
from .diffusion.matching import MotionMatch, draft_steps, match_motion
from .diffusion.noise import draw_correlated_noise, draw_noise, draw_video_noise
from .diffusion.pipeline import prior_steps, sample_prior, sample_video, video_steps
from .diffusion.prior_track import blend_priors, key_frames
from .diffusion.sampling import SAMPLERS, SamplerStep
from .media.image import fit_images
from .memory import DecodePlan, Plan, activations, decode_activations, free_memory, plan, plan_chunk, plan_decoding
from .models.config import MINI, RELEASED, CLIPConfig, UNetConfig, VAEConfig
from .models.info import ModelInfo
from .models.schedules import FittedSchedule
from .models.unet import UNet, compile_layers
from .models.vae import LATENT_SCALE, VAE
from .weights.checkpoint import load_clip, load_unet, load_vae
from .weights.lora import load_lora

__all__ = [
    "LATENT_SCALE",
    "MINI",
    "PRESETS",
    "RELEASED",
    "SAMPLERS",
    "VAE",
    "Acceleration",
    "CLIPConfig",
    "Cues",
    "DecodePlan",
    "ExtractedCues",
    "FittedSchedule",
    "ModelInfo",
    "MotionMatch",
    "Plan",
    "SamplerStep",
    "UNet",
    "UNetConfig",
    "VAEConfig",
    "activations",
    "blend_cues",
    "blend_priors",
    "calibrate",
    "compile_layers",
    "cue_options",
    "decode_activations",
    "draft_steps",
    "draw_correlated_noise",
    "draw_noise",
    "draw_video_noise",
    "extract_cues",
    "fit_images",
    "free_memory",
    "key_frames",
    "load_clip",
    "load_dinov2",
    "load_lora",
    "load_unet",
    "load_vae",
    "match_motion",
    "measure_motion",
    "motion_reach",
    "plan",
    "plan_chunk",
    "plan_decoding",
    "plot_cues",
    "prior_steps",
    "resample_cues",
    "sample_prior",
    "sample_video",
    "sound_motion",
    "video_steps",
]
