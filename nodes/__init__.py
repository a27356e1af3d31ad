"""The ComfyUI nodes: schema, conversion and a call of `higen_core`, which does not import ComfyUI itself."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

from .cue_extractor import HiGenCueExtractor
from .cue_schedule import HiGenCueSchedule
from .cues.audio_motion import HiGenAudioMotion
from .examples.inputs import provide_inputs
from .image_prior import HiGenImagePrior, HiGenPriorTrack
from .loader import HiGenLoader
from .models.folders import register_loras, register_model_folder
from .models.routes import register_routes
from .samplers import HiGenSpatialPriorSampler, HiGenTemporalSampler
from .sampling.accelerate import HiGenAccelerate
from .stock_sampling import HiGenApplyCues, HiGenGuider, HiGenVideoNoise
from .video_combine import HiGenVideoCombine

NODES = (
    HiGenLoader,
    HiGenSpatialPriorSampler,
    HiGenImagePrior,
    HiGenPriorTrack,
    HiGenCueSchedule,
    HiGenCueExtractor,
    HiGenTemporalSampler,
    HiGenApplyCues,
    HiGenVideoNoise,
    HiGenGuider,
    HiGenVideoCombine,
    HiGenAudioMotion,
    HiGenAccelerate,
)


class HiGenExtension(ComfyExtension):
    """What ComfyUI loads the nodes from."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        register_model_folder()  # ComfyUI 0.3.75 does not call `on_load`
        register_loras()
        register_routes()
        provide_inputs()
        return list(NODES)
