"""The nodes: schema, conversion and a call into `higen_core`. This package is the only one that imports ComfyUI."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

from .cues import HiGenCueSchedule
from .extract import HiGenCueExtractor
from .loader import HiGenLoader
from .paths import register_model_folder
from .prior import HiGenImagePrior
from .samplers import HiGenSpatialPriorSampler, HiGenTemporalSampler
from .video import HiGenVideoCombine

NODES = (
    HiGenLoader,
    HiGenSpatialPriorSampler,
    HiGenImagePrior,
    HiGenCueSchedule,
    HiGenCueExtractor,
    HiGenTemporalSampler,
    HiGenVideoCombine,
)


class HiGenExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        register_model_folder()  # here, since ComfyUI 0.3.75 does not call `on_load`
        return list(NODES)
