"""The mapping between the denoiser's tensor names and those of the released checkpoint."""

from __future__ import annotations

import re

from torch import nn

# Pattern in a name of `UNet` -> replacement in the released name; applied in this order.
_RENAMES = (
    (r"^embedding\.time\.", "time_embed."),
    (r"^embedding\.motion\.", "msim_embedding."),
    (r"^embedding\.appearance\.", "asim_embedding."),
    (r"^text_resampler\.blocks\.", "context_embedding.context_transformer."),
    (r"^text_resampler\.", "context_embedding."),
    (r"^down\.0\.0\.prior\.", "img_embedding."),
    (r"^down\.0\.0\.conv\.", "input_blocks.0.0."),
    (r"^(down\.\d+)\.0\.conv\.", r"\1.op."),
    (r"^down\.", "input_blocks."),
    (r"^middle\.", "middle_block."),
    (r"^up\.", "output_blocks."),
    (r"^norm_out\.", "out.0."),
    (r"^conv_out\.", "out.2."),
    (r"\.in_norm\.", ".in_layers.0."),
    (r"\.in_conv\.", ".in_layers.2."),
    (r"\.emb\.", ".emb_layers.1."),
    (r"\.out_norm\.", ".out_layers.0."),
    (r"\.out_conv\.", ".out_layers.3."),
    (r"\.skip\.", ".skip_connection."),
    (r"\.temporal\.norms\.(\d)\.", lambda m: f".temopral_conv.conv{int(m[1]) + 1}.0."),
    (r"\.temporal\.convs\.(\d)\.", lambda m: f".temopral_conv.conv{int(m[1]) + 1}.{2 if m[1] == '0' else 3}."),
    (r"\.block\.", ".transformer_blocks.0."),
    (r"\.(attn\d)\.([qkv])\.", r".\1.to_\2."),
    (r"\.(attn\d)\.out\.", r".\1.to_out.0."),
    (r"\.ff\.gate\.", ".ff.net.0.proj."),
    (r"\.ff\.out\.", ".ff.net.2."),
)


def released_name(name: str) -> str:
    """Converts the name of a tensor of `UNet` to the one in the released checkpoint."""
    for pattern, replacement in _RENAMES:
        name = re.sub(pattern, replacement, name)
    return name


def released_to_unet_names(unet: nn.Module) -> dict[str, str]:
    """Maps the released name of every tensor of a `UNet` to its name there."""
    return {released_name(name): name for name in unet.state_dict()}
