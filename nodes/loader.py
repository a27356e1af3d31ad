"""HiGen Loader: the denoiser, its text encoder and its VAE, each as what ComfyUI's own nodes expect."""

from __future__ import annotations

from pathlib import Path

from comfy_api.latest import io

from . import paths
from .candidates import text_encoder_path, vae_path, weights_path
from .checks import checked
from .model import DTYPES, HigenModel, HigenModelType, load_model
from .text import load_text_encoder
from .vae import load_vae


class HiGenLoader(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="HiGenLoader",
            display_name="HiGen Loader",
            category="HiGen",
            description="Loads a HiGen text-to-video model with its text encoder (CLIP) and VAE. The small model named "
            "mini comes with the pack; the released weights go into models/higen.",
            inputs=[
                io.Combo.Input(
                    "weights",
                    options=[paths.MINI, paths.AUTO, *paths.files(paths.DENOISER_FOLDERS)],
                    default=paths.MINI,
                    tooltip="The denoiser: mini, or a file in models/higen or models/diffusion_models; auto takes the "
                    "one HiGen denoiser in these folders.",
                ),
                io.Combo.Input(
                    "text_encoder",
                    options=[paths.AUTO, paths.MINI, *paths.files(paths.TEXT_FOLDERS)],
                    default=paths.AUTO,
                    tooltip="auto takes mini's for mini and otherwise the OpenCLIP ViT-H-14 file in "
                    "models/text_encoders.",
                ),
                io.Combo.Input(
                    "vae",
                    options=[paths.AUTO, paths.MINI, *paths.files(paths.VAE_FOLDERS)],
                    default=paths.AUTO,
                    tooltip="auto takes mini's for mini and otherwise the Stable Diffusion 2.1 file in models/vae or "
                    "models/checkpoints.",
                ),
                io.Combo.Input(
                    "dtype",
                    options=list(DTYPES),
                    default="auto",
                    tooltip="Precision of the denoiser. auto: bf16 where the device is good at it, fp16 on other GPUs, "
                    "fp32 on a CPU, or bf16 if the CPU computes in it and the model is large.",
                ),
            ],
            outputs=[
                HigenModelType.Output(display_name="model", tooltip="For both HiGen samplers."),
                io.Clip.Output(display_name="CLIP", tooltip="For CLIP Text Encode."),
                io.Vae.Output(display_name="VAE", tooltip="For VAE Encode and VAE Decode."),
            ],
        )

    @classmethod
    @checked
    def execute(cls, weights, text_encoder, vae, dtype) -> io.NodeOutput:
        source = weights_path(weights)
        towers = text_encoder_path(text_encoder, weights)
        model = load_model(source, dtype, towers)
        clip = load_text_encoder(towers, model.info.get("vocabulary"))
        return io.NodeOutput(
            model,
            clip,
            load_vae(vae_path(vae, weights)),
            ui={"text": [describe(weights if weights != paths.AUTO else Path(source).name, model)]},
        )


def describe(weights: str, model: HigenModel) -> str:
    """What the weights were trained on: the ranges in which they can be expected to work."""
    info, unet = model.info, model.unet
    millions = sum(parameter.numel() for parameter in unet.parameters()) / 1e6
    precision = str(next(unet.parameters()).dtype).removeprefix("torch.")
    lines = [
        f"{weights}: {millions:,.1f} M parameters, {precision} on {model.device}",
        f"trained on {info['width']}x{info['height']} pixels, {info['frames']} frames at {info['fps']} fps",
    ]
    if vocabulary := info.get("vocabulary"):
        lines.append(f"knows {len(vocabulary)} words: {', '.join(vocabulary)}")
    return "\n".join(lines)
