"""The one rename table: our names of the denoiser's tensors and those of the released checkpoint."""

from __future__ import annotations

import re

from torch import nn

# Our name -> the released one, in this order.
_RENAMES = (
    (r"^embedding\.time\.", "time_embed."),
    (r"^embedding\.motion\.", "msim_embedding."),
    (r"^embedding\.appearance\.", "asim_embedding."),
    (r"^text_tokens\.blocks\.", "context_embedding.context_transformer."),
    (r"^text_tokens\.", "context_embedding."),
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
    """Name in the released checkpoint of a tensor of our `UNet`."""
    for pattern, replacement in _RENAMES:
        name = re.sub(pattern, replacement, name)
    return name


def our_names(network: nn.Module) -> dict[str, str]:
    """Released name -> ours, of every tensor of a `UNet`."""
    return {released_name(name): name for name in network.state_dict()}
