"""HiGen Image to Spatial Prior: encodes any image as a spatial prior, in place of the spatial stage."""

from __future__ import annotations

import logging
from typing import Any

import torch
from comfy_api.latest import io

from .. import higen_core as hg
from ..higen_core.media.image import FITS
from .latents import check_size
from .models.model import HigenModel, higen_model
from .schema import known_fields
from .validation import check_mask, parse_color, validated

VAE_STEP = 8
"""Pixels that width and height must be multiples of without a model."""
UNFAMILIAR = (
    "This picture is unlike those that the model was trained on and will look different in the video: decoded again, "
    "it has a PSNR of {psnr} dB, others have {least} or more. The model knows {pictures}."
)


class HiGenImagePrior(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="HiGenImagePrior",
            display_name="HiGen Image to Spatial Prior",
            category="HiGen",
            description="Makes a spatial prior from a picture of any size, for HiGen Temporal Sampler to set in "
            "motion. Each of several pictures gives a prior of its own, and so a video of its own.",
            inputs=[
                io.Image.Input("images", tooltip="One picture, or several of one size, with or without alpha."),
                io.Vae.Input("vae", tooltip="From HiGen Loader."),
                io.Model.Input(
                    "model", optional=True, tooltip="From HiGen Loader, for the size that it was trained on."
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Where the background shows: the mask of Load Image, for a picture with transparent parts.",
                ),
                io.Int.Input(
                    "width",
                    default=0,
                    min=0,
                    max=4096,
                    step=8,
                    tooltip="Pixels; 0 is the width that the model was trained on, or without a model the picture's.",
                ),
                io.Int.Input(
                    "height",
                    default=0,
                    min=0,
                    max=4096,
                    step=8,
                    tooltip="Pixels; 0 is the height that the model was trained on, or without a model the picture's.",
                ),
                io.Combo.Input(
                    "fit",
                    options=list(FITS),
                    default="crop",
                    tooltip="crop fills the frame and cuts off the rest, pad shows the whole picture with the "
                    "background around it, stretch changes the proportions.",
                ),
                io.String.Input(
                    "background",
                    default="#808080",
                    tooltip="Color (hexadecimal sRGB) behind transparent parts and around a padded picture.",
                ),
            ],
            outputs=[
                io.Latent.Output(
                    display_name="prior",
                    is_output_list=True,
                    tooltip="A prior for each picture, for HiGen Temporal Sampler; VAE Decode shows it.",
                )
            ],
            **known_fields(search_aliases=["image to video", "i2v", "animate image", "first frame"]),
        )

    @classmethod
    def validate_inputs(cls, background) -> bool | str:
        """Checks the color before anything runs. Returns True, or the error message; a link has no value yet."""
        try:
            if background is not None:
                parse_color(background, "background")
        except ValueError as error:
            return str(error)
        return True

    @classmethod
    @validated
    def execute(cls, images, vae, width, height, fit, background, model=None, mask=None) -> io.NodeOutput:
        if images.ndim != 4:
            raise ValueError(f"images must be a batch (images, height, width, channels), got {tuple(images.shape)}")
        height, width = size(images, height, width, higen_model(model) if model else None)
        color = parse_color(background, "background")
        fitted = hg.fit_images(images, height, width, fit, color, check_mask(mask, len(images)))
        priors = [{"samples": vae.encode(image[None])} for image in fitted]
        return io.NodeOutput(priors, ui={"higen_notes": unfamiliar(fitted, priors, vae)})


def unfamiliar(images: torch.Tensor, priors: list[dict], vae: Any) -> list[dict[str, Any]]:
    """A note for images (b, h, w, 3) that are unlike those of the VAE's training: their priors are no longer them.

    Returns [] for a VAE that does not state its pictures, such as Stable Diffusion's.
    """
    if (known := getattr(vae, "pictures", None)) is None:
        return []
    decoded = torch.cat([vae.decode(prior["samples"]) for prior in priors]).to(images)
    psnr = -10 * (decoded - images).square().mean((1, 2, 3)).clamp(min=1e-10).log10()
    if psnr.min() >= known.psnr:
        return []
    values = {"psnr": f"{psnr.min():.0f}", "least": f"{known.psnr:.0f}", "pictures": known.description}
    logging.warning("HiGen: %s", UNFAMILIAR.format(**values))
    return [{"text": UNFAMILIAR, "values": values}]


def size(images: torch.Tensor, height: int, width: int, model: HigenModel | None) -> tuple[int, int]:
    """Height and width of the prior in pixels; 0 stands for the size of the model, or of the images without a model.

    Raises:
        ValueError: a size that the model cannot process.
    """
    if model:
        step, default = model.size_step, (model.info.height, model.info.width)
    else:
        step, default = VAE_STEP, tuple(side // VAE_STEP * VAE_STEP for side in images.shape[1:3])
    height, width = height or default[0], width or default[1]
    check_size("height", height, step)
    check_size("width", width, step)
    return height, width
