"""torch.compile of the denoiser, layer by layer."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from .layers import SpatialResBlock, SpatialTransformer, Upsample
from .temporal import TemporalConv, TemporalTransformer
from .unet import UNet

CHUNKED = (SpatialResBlock, SpatialTransformer, Upsample)
"""Layers that run on a chunk of the frames at a time. What runs on a chunk is compiled, not the loop over chunks."""


def compile_layers(unet: UNet, **options: Any) -> None:
    """Compiles the layers of a denoiser in place, when they first run; names of tensors stay the same.

    Layers of the same kind and size share their code, and the number of frames in a chunk may change, so that this takes
    a fraction of the time that compiling the whole network does. Results differ by rounding.

    Args:
        unet: a network with the layers of torch. A host with layers of its own has its own ways to compile.
        options: of `torch.compile`, such as mode="max-autotune-no-cudagraphs".
    """
    for layer in unet.modules():
        for kind in CHUNKED:
            if isinstance(layer, kind):
                layer.compiled = torch.compile(partial(kind.forward.__wrapped__, layer), **options)
        if isinstance(layer, TemporalConv):
            layer.compile(**options)
        elif isinstance(layer, TemporalTransformer):
            layer.block.compile(**options)
    for block in unet.text_resampler.blocks:
        block.compile(**options)
