"""The files that HiGen Loader's inputs select. "auto" is the one file in ComfyUI's folders with the right tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...higen_core.weights.detection import networks_in
from ...higen_core.weights.files import Shapes, open_weights
from . import folders

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
    """The path of a denoiser, or "mini", for a choice of the input `weights`.

    Raises:
        FileNotFoundError: the file is gone, or "auto" found none.
        ValueError: "auto" found several files.
    """
    if choice == folders.MINI:
        return "mini"
    return _select("weights", choice, folders.DENOISER_FOLDERS, is_denoiser, WEIGHTS_HINT)


def text_encoder_path(choice: str, weights: str) -> str:
    """The path of a text encoder, for choices of the inputs `text_encoder` and `weights`; errors of `weights_path`."""
    if _is_mini(choice, weights):
        return folders.bundled("clip")
    return _select("text_encoder", choice, folders.TEXT_FOLDERS, is_text_tower, TEXT_HINT)


def vae_path(choice: str, weights: str) -> str:
    """The path of a VAE, for choices of the inputs `vae` and `weights`; errors of `weights_path`."""
    if _is_mini(choice, weights):
        return folders.bundled("vae")
    return _select("vae", choice, folders.VAE_FOLDERS, is_sd2_vae, VAE_HINT)


def _is_mini(choice: str, weights: str) -> bool:
    return choice == folders.MINI or (choice == folders.AUTO and weights == folders.MINI)


def _select(name: str, choice: str, categories: tuple[str, ...], is_right: Callable[[Shapes], bool], hint: str) -> str:
    if choice != folders.AUTO:
        return folders.find(choice, categories)
    paths = dict(readable(categories))
    candidates = [file for file, path in paths.items() if is_right(tensor_shapes(path))]
    if not candidates:
        raise FileNotFoundError(f"HiGen's released weights need {hint}, then refresh the page (R). None was found")
    if len(candidates) > 1:
        raise ValueError(
            f"{name} cannot be 'auto' with {len(candidates)} candidates: choose one of {', '.join(candidates)}"
        )
    return paths[candidates[0]]


def is_denoiser(shapes: Shapes) -> bool:
    return networks_in(shapes) == ["denoiser"]


def is_text_tower(shapes: Shapes) -> bool:
    """Whether it is ViT-H-14's, in the tensor names of OpenCLIP or Transformers."""
    return (1024,) in (shapes.get("ln_final.weight"), shapes.get("text_model.final_layer_norm.weight"))


def is_sd2_vae(shapes: Shapes) -> bool:
    """Whether it is Stable Diffusion's VAE, alone or in a checkpoint with an OpenCLIP text tower, which 2.x has."""
    alone = shapes.get("decoder.conv_in.weight") == (512, 4, 3, 3)
    in_checkpoint = shapes.get("first_stage_model.decoder.conv_in.weight") == (512, 4, 3, 3)
    return alone or (in_checkpoint and shapes.get("cond_stage_model.model.ln_final.weight") == (1024,))


def readable(categories: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Names and paths of the files in these model folders that are there; links may lead nowhere."""
    for name in folders.files(categories):
        try:
            yield name, folders.find(name, categories)
        except FileNotFoundError:
            folders.log_once(f"{name} in models/{categories[0]} is left out: it is not a file, or leads to none")


def tensor_shapes(path: str) -> Shapes:
    """Shapes of the tensors in a file by name; empty, with a word in the log, if it is not one of tensors."""
    try:
        return open_weights(path).shapes
    except Exception as error:  # anything can lie in these folders, and need not concern HiGen
        folders.log_once(f"{path} is left out: {error}")
        return {}
