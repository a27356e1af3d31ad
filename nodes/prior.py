"""HiGen Image to Spatial Prior: a person's own picture in place of the one that stage 1 would make."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from .. import higen_core as hg
from ..higen_core.priors import FITS, parse_colour
from .checks import checked
from .latents import check_size
from .model import HigenModel, HigenModelType

VAE_STEP = 8  # pixels


class HiGenImagePrior(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="HiGenImagePrior",
            display_name="HiGen Image to Spatial Prior",
            category="HiGen",
            description="Makes a spatial prior from a picture of any size, for HiGen Temporal Sampler to set in "
            "motion. Several pictures give several priors, and so a video each.",
            inputs=[
                io.Image.Input("images", tooltip="One picture, or several of one size, with or without alpha."),
                io.Vae.Input("vae", tooltip="From HiGen Loader."),
                HigenModelType.Input(
                    "model", optional=True, tooltip="From HiGen Loader, for the size that it was trained on."
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Where the background shows, as Load Image gives it for a picture with transparent parts.",
                ),
                io.Int.Input(
                    "width",
                    default=0,
                    min=0,
                    max=4096,
                    step=8,
                    tooltip="Pixels; 0 is the width that the model was trained on, and without a model the picture's.",
                ),
                io.Int.Input(
                    "height",
                    default=0,
                    min=0,
                    max=4096,
                    step=8,
                    tooltip="Pixels; 0 is the height that the model was trained on, and without a model the picture's.",
                ),
                io.Combo.Input(
                    "fit",
                    options=list(FITS),
                    default="crop",
                    tooltip="crop fills the frame and cuts what juts out, pad shows the whole picture with the "
                    "background around it, stretch changes the proportions.",
                ),
                io.String.Input(
                    "background",
                    default="#808080",
                    tooltip="Colour (hexadecimal sRGB) behind transparent parts and around a padded picture.",
                ),
            ],
            outputs=[
                io.Latent.Output(
                    display_name="prior",
                    is_output_list=True,
                    tooltip="One picture each, for HiGen Temporal Sampler; VAE Decode shows it.",
                )
            ],
        )

    @classmethod
    def validate_inputs(cls, background) -> bool | str:
        try:
            parse_colour(background)
        except ValueError as error:
            return f"background: {error}"
        return True

    @classmethod
    @checked
    def execute(
        cls, images, vae, width, height, fit, background, model: HigenModel | None = None, mask=None
    ) -> io.NodeOutput:
        if images.ndim != 4:
            raise ValueError(f"images must be a batch (pictures, height, width, channels), got {tuple(images.shape)}")
        height, width = size(images, height, width, model)
        pictures = hg.fit_pictures(images, height, width, fit, parse_colour(background), mask)
        return io.NodeOutput([{"samples": vae.encode(picture[None])} for picture in pictures])


def size(images: torch.Tensor, height: int, width: int, model: HigenModel | None) -> tuple[int, int]:
    """Height and width of the prior in pixels."""
    if model:
        step, default = model.size_step, (model.info["height"], model.info["width"])
    else:
        step, default = VAE_STEP, tuple(side // VAE_STEP * VAE_STEP for side in images.shape[1:3])
    height, width = height or default[0], width or default[1]
    check_size("height", height, step)
    check_size("width", width, step)
    return height, width
