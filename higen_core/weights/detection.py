"""Detects what a file of weights contains, from the names of its tensors."""

from __future__ import annotations

import re

from .files import Shapes

VAE_PREFIX = "first_stage_model."
"""Prefix of the autoencoder's tensors in a whole checkpoint of Stable Diffusion."""

# A pattern of tensor names, and what a file with such a name contains. The first match decides.
_CONTENTS = (
    (r"lora_(up|down|A|B)\b|\.lora\.", "a LoRA, which only changes another model"),
    (r"^(asim_embedding|embedding\.appearance)\.", "a HiGen denoiser"),
    (r"^local_image_(concat|embedding)\.", "I2VGen-XL, another network of VGen"),
    (r"\.temopral_conv\.", "a text-to-video network of VGen without HiGen's cues"),
    (r"^control_model\.|^controlnet_", "a ControlNet"),
    (r"motion_modules\.", "an AnimateDiff motion module"),
    (r"^conditioner\.embedders\.", "a checkpoint of Stable Diffusion XL"),
    (r"^cond_stage_model\.transformer\.", "a checkpoint of Stable Diffusion 1.x"),
    (r"^cond_stage_model\.model\.", "a checkpoint of Stable Diffusion 2.x"),
    (r"^model\.diffusion_model\.", "a checkpoint with a denoiser of another kind"),
    (r"^first_stage_model\.|^decoder\.conv_in\.", "an autoencoder (VAE)"),
    (r"^visual\.", "an OpenCLIP model (text and image towers)"),
    (r"^(text_model|transformer\.resblocks)\.|^ln_final\.", "a CLIP text encoder"),
    (r"^encoder\.block\.0\.layer\.0\.SelfAttention\.", "a T5 text encoder"),
    (r"^(down_blocks|up_blocks)\.", "a network in the layout of Diffusers"),
)


def describe_checkpoint(shapes: Shapes) -> str:
    """Describes the content of a file for error messages, such as "a LoRA, which only changes another model"."""
    if not shapes:
        return "a file without tensors"
    for pattern, content in _CONTENTS:
        if any(re.search(pattern, name) for name in shapes):
            return content
    return f"a network of an unknown kind ({len(shapes)} tensors, the first is {next(iter(shapes))})"


def networks_in(shapes: Shapes) -> list[str]:
    """The networks of HiGen that a file contains: ["denoiser"], ["vae"], ["clip"] or []."""
    if describe_checkpoint(shapes) == "a HiGen denoiser":
        return ["denoiser"]
    if "visual.conv1.weight" in shapes and "ln_final.weight" in shapes:
        return ["clip"]
    decoders = {f"{prefix}decoder.conv_in.weight" for prefix in ("", VAE_PREFIX)}
    return ["vae"] if decoders & shapes.keys() else []
