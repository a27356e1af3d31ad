"""HiGen Image to Spatial Prior encodes any image as a spatial prior; HiGen Prior Track gives several their times."""

from __future__ import annotations

import logging
import math
from typing import Any

import torch
from comfy_api.latest import io

from .. import higen_core as hg
from ..higen_core.diffusion.prior_track import check_times
from ..higen_core.media.image import FITS, psnr
from .latents import KEEP, TIMES, check_image_latent, check_size
from .models.model import HigenModel, higen_model
from .schema import known_fields
from .validation import check_mask, parse_color, validated

VAE_STEP = 8
"""Pixels that width and height must be multiples of without a model."""
UNFAMILIAR = (
    "This picture is unlike those that the model was trained on and will look different in the video: decoded again, "
    "it has a PSNR of {psnr} dB, others have {least} or more. The model knows {pictures}."
)
PRIORS_MAX = 6
"""Inputs of HiGen Prior Track; each takes several images."""


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

    Returns [] for a VAE that does not state its images, such as Stable Diffusion's.
    """
    if (known := getattr(vae, "image_range", None)) is None:
        return []
    decoded = torch.cat([vae.decode(prior["samples"]) for prior in priors]).to(images)
    least = psnr(decoded, images).min().item()
    if least >= known.psnr:
        return []
    values = {"psnr": str(math.floor(least)), "least": f"{known.psnr:.0f}", "pictures": known.description}
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


class HiGenPriorTrack(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="HiGenPriorTrack",
            display_name="HiGen Prior Track",
            category="HiGen",
            description="Several spatial priors at times of their own, blended in between: first and last frame, key "
            "frames, storyboards. Connect it as the prior of a HiGen video.",
            inputs=[
                io.Latent.Input("prior_1", tooltip="The latent of one picture, or of several in the order of time."),
                *(
                    io.Latent.Input(f"prior_{i}", optional=True, tooltip="The next picture, of the same size.")
                    for i in range(2, PRIORS_MAX + 1)
                ),
                io.String.Input(
                    "times",
                    default="",
                    optional=True,
                    tooltip="When each picture is shown, as rising numbers such as 0, 0.3, 1: 0 is the first frame, 1 "
                    "the last. Empty: spaced evenly over the clip.",
                ),
                io.Boolean.Input(
                    "keep",
                    default=True,
                    optional=True,
                    tooltip="The frames at these times show exactly their pictures. Off: pictures only guide the "
                    "frames, and weights that were trained with the first frame as the prior hardly follow later ones.",
                ),
            ],
            outputs=[
                io.Latent.Output(
                    display_name="prior",
                    tooltip="For HiGen Temporal Sampler and HiGen Apply Cues; VAE Decode shows the pictures.",
                )
            ],
            **known_fields(search_aliases=["first last frame", "keyframes", "storyboard", "interpolate images"]),
        )

    @classmethod
    @validated
    def execute(
        cls, prior_1, prior_2=None, prior_3=None, prior_4=None, prior_5=None, prior_6=None, times="", keep=True
    ) -> io.NodeOutput:
        priors = enumerate((prior_1, prior_2, prior_3, prior_4, prior_5, prior_6), start=1)
        connected = {f"prior_{i}": prior for i, prior in priors if prior is not None}
        return io.NodeOutput(prior_track(connected, times, keep))


def prior_track(priors: dict[str, dict[str, Any]], times: str, keep: bool = True) -> dict[str, Any]:
    """The LATENT of several priors, (n, 4, h, w), that knows the times at which they hold.

    Args:
        priors: LATENTs of one or more images in the order of time, by the name of their input.
        times: a number for each image, 0 at the first frame and 1 at the last; "" spaces them evenly.
        keep: whether the frames at these times show exactly their images.

    Raises:
        ValueError: priors of several sizes or that are no images, or times that are no numbers, do not rise or are
            not as many as the priors.
    """
    for name, prior in priors.items():
        if TIMES in prior:
            raise ValueError(f"{name} is a prior track, whose times would be lost: connect its priors to one track")
    samples = {name: check_image_latent(name, prior) for name, prior in priors.items()}
    sizes = {name: value.shape[2:] for name, value in samples.items()}
    (first, size), *others = sizes.items()
    for name, other in others:
        if other != size:
            pixels, expected = (f"{8 * w}x{8 * h}" for h, w in (other, size))
            raise ValueError(f"{name} is for {pixels} pixels, {first} for {expected}: give all priors one size")
    images = torch.cat(list(samples.values()))
    try:
        values = [float(text) for text in times.replace(",", " ").split()] or evenly_spaced(len(images))
    except ValueError:
        raise ValueError(f"times must be numbers from 0 to 1 such as 0, 0.5, 1, got {times!r}") from None
    check_times(values, len(images))
    return {"samples": images, TIMES: values, KEEP: keep}


def evenly_spaced(count: int) -> list[float]:
    """Times of so many priors: the first frame, the last frame, and evenly between them."""
    return [i / max(count - 1, 1) for i in range(count)]
