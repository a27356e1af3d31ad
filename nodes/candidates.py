"""What "auto" picks: the one file in ComfyUI's model folders whose tensors are those HiGen needs."""

from __future__ import annotations

from ..higen_core.files import Shapes, open_weights
from ..higen_core.identify import networks_in
from . import paths

WEIGHTS_HINT = (
    "the denoiser of iic/HiGen (ModelScope): put cvpr2024.t2v.e003_8card_ema.ema_0725000.pth into models/higen"
)
TEXT_HINT = (
    "OpenCLIP's ViT-H-14 text tower: put open_clip_pytorch_model.bin, or the text encoder of Stable Diffusion 2.x, "
    "into models/text_encoders"
)
VAE_HINT = (
    "the VAE of Stable Diffusion 2.1: put v2-1_512-ema-pruned.ckpt into models/checkpoints or its VAE into models/vae"
)


def weights_path(choice: str) -> str:
    """The denoiser behind the loader's `weights` choice: "mini" or a file."""
    if choice == paths.MINI:
        return "mini"
    return _chosen("weights", choice, paths.DENOISER_FOLDERS, is_denoiser, WEIGHTS_HINT)


def text_encoder_path(choice: str, weights: str) -> str:
    """The file behind the loader's `text_encoder` choice."""
    return _path("text_encoder", choice, weights, "clip", paths.TEXT_FOLDERS, is_text_tower, TEXT_HINT)


def vae_path(choice: str, weights: str) -> str:
    """The file behind the loader's `vae` choice."""
    return _path("vae", choice, weights, "vae", paths.VAE_FOLDERS, is_sd2_vae, VAE_HINT)


def _path(kind, choice, weights, bundled, folders, fits, hint) -> str:
    if choice == paths.MINI or (choice == paths.AUTO and weights == paths.MINI):
        return paths.bundled(bundled)
    return _chosen(kind, choice, folders, fits, hint)


def _chosen(kind, choice, folders, fits, hint) -> str:
    if choice != paths.AUTO:
        return paths.find(choice, folders)
    found = [name for name in paths.files(folders) if fits(tensor_shapes(paths.find(name, folders)))]
    if not found:
        raise FileNotFoundError(f"HiGen's released weights need {hint}, then refresh the page (R). None was found")
    if len(found) > 1:
        raise ValueError(f"{kind} cannot be 'auto' with {len(found)} candidates: choose one of {', '.join(found)}")
    return paths.find(found[0], folders)


def is_denoiser(shapes: Shapes) -> bool:
    return networks_in(shapes) == ["denoiser"]


def is_text_tower(shapes: Shapes) -> bool:
    """ViT-H-14's, under OpenCLIP's or Transformers' names."""
    return (1024,) in (shapes.get("ln_final.weight"), shapes.get("text_model.final_layer_norm.weight"))


def is_sd2_vae(shapes: Shapes) -> bool:
    """A VAE of Stable Diffusion's shape, alone or in a checkpoint with an OpenCLIP text tower (that is, of 2.x)."""
    alone = shapes.get("decoder.conv_in.weight") == (512, 4, 3, 3)
    whole = shapes.get("first_stage_model.decoder.conv_in.weight") == (512, 4, 3, 3)
    return alone or (whole and shapes.get("cond_stage_model.model.ln_final.weight") == (1024,))


def tensor_shapes(path: str) -> Shapes:
    """Names and shapes without reading the numbers; empty for a file that is no set of tensors."""
    try:
        return open_weights(path).shapes
    except ValueError:
        return {}
