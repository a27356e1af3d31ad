"""The nodes: schema, conversion and a call into `higen_core`. This package is the only one that imports ComfyUI."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

from .cues import HiGenCueSchedule
from .loader import HiGenLoader
from .paths import register_model_folder
from .samplers import HiGenSpatialPriorSampler, HiGenTemporalSampler
from .video import HiGenVideoCombine

NODES = (HiGenLoader, HiGenSpatialPriorSampler, HiGenCueSchedule, HiGenTemporalSampler, HiGenVideoCombine)


class HiGenExtension(ComfyExtension):
    async def on_load(self) -> None:
        register_model_folder()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return list(NODES)
