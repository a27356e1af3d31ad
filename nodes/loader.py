"""HiGen Loader: loads the denoiser, its text encoder and its VAE, the latter two as types of stock nodes."""

from __future__ import annotations

from pathlib import Path

import torch
from comfy_api.latest import io

from .models import folders
from .models.auto_select import text_encoder_path, vae_path, weights_path
from .models.image_encoders import has_image_tower
from .models.model import HigenModel, load_model
from .models.precision import DTYPES
from .models.text_encoder import load_text_encoder
from .models.vae import load_vae
from .schema import advanced, known_fields
from .validation import validated


class HiGenLoader(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="HiGenLoader",
            display_name="HiGen Loader",
            category="HiGen",
            description="Loads a HiGen text-to-video model with its text encoder (CLIP) and VAE. A small model, mini, "
            "comes with the pack; the released weights go into models/higen.",
            inputs=[
                io.Combo.Input(
                    "weights",
                    options=[folders.MINI, folders.AUTO, *folders.files(folders.DENOISER_FOLDERS)],
                    default=folders.MINI,
                    tooltip="The denoiser: mini, or a file in models/higen or models/diffusion_models; auto is the "
                    "only HiGen denoiser in these folders.",
                ),
                io.Combo.Input(
                    "text_encoder",
                    options=[folders.AUTO, folders.MINI, *folders.files(folders.TEXT_FOLDERS)],
                    default=folders.AUTO,
                    tooltip="auto: for mini its own, otherwise the OpenCLIP ViT-H-14 file in models/text_encoders.",
                ),
                io.Combo.Input(
                    "vae",
                    options=[folders.AUTO, folders.MINI, *folders.files(folders.VAE_FOLDERS)],
                    default=folders.AUTO,
                    tooltip="auto: for mini its own, otherwise the Stable Diffusion 2.1 file in models/vae or "
                    "models/checkpoints.",
                ),
                advanced(
                    io.Combo.Input(
                        "dtype",
                        options=list(DTYPES),
                        default="auto",
                        tooltip="Precision of the denoiser. auto: bf16 where the device supports it well, fp16 on "
                        "other GPUs, fp32 on a CPU, or bf16 if the CPU supports it and the model is large.",
                    )
                ),
            ],
            **known_fields(search_aliases=["load checkpoint", "load model", "text to video", "t2v"]),
            outputs=[
                io.Model.Output(
                    display_name="model", tooltip="For HiGen's samplers, KSampler and nodes that change a model."
                ),
                io.Clip.Output(display_name="CLIP", tooltip="For CLIP Text Encode."),
                io.Vae.Output(display_name="VAE", tooltip="For VAE Encode and VAE Decode."),
            ],
        )

    @classmethod
    @validated
    def execute(cls, weights, text_encoder, vae, dtype) -> io.NodeOutput:
        source = weights_path(weights)
        towers = text_encoder_path(text_encoder, weights)
        vae_file = vae_path(vae, weights)
        model = load_model(source, dtype, towers if has_image_tower(towers) else "", vae=vae_file)
        clip = load_text_encoder(towers, model.model.info)
        name = weights if weights != folders.AUTO else Path(source).name
        text = describe(name, model.model, model.load_device)
        return io.NodeOutput(model, clip, load_vae(vae_file), ui={"text": [text]})


def describe(name: str, model: HigenModel, device: torch.device) -> str:
    """What the weights were trained on, in a few lines for the node."""
    info = model.info
    millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    stored, computed = (str(dtype).removeprefix("torch.") for dtype in (model.get_dtype(), model.computes_in))
    precision = stored if stored == computed else f"{stored}, computed in {computed},"
    lines = [
        f"{name}: {millions:,.1f} M parameters, {precision} on {device}",
        f"trained on {info.width}x{info.height} pixels, {info.frames} frames at {info.fps} fps",
    ]
    return "\n".join(lines)
