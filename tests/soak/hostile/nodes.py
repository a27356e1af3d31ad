"""Hostile values for one input of a node that has valid values otherwise, called as ComfyUI calls it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import torch
from comfy_api.latest import io
from higen_pack import higen_core as hg
from higen_pack import nodes as pack
from higen_pack.nodes.loader import HiGenLoader
from higen_pack.nodes.output.video_value import FramesVideo
from higen_pack.nodes.sampling.core_sampler import sample
from higen_pack.nodes.sampling.guider import TextAndAppearanceGuider
from higen_pack.nodes.sampling.noise import VideoNoise
from hypothesis import strategies as st

from ..prompts import MINI
from . import values
from .verdict import Case

pack.register_model_folder()
HIDDEN = SimpleNamespace(prompt={"1": {"class_type": "X", "inputs": {}}}, extra_pnginfo={}, unique_id="1")
BY_TYPE = {
    "INT": values.numbers | values.strange,
    "FLOAT": values.numbers | values.strange,
    "STRING": values.texts | values.strange,
    "COMBO": values.texts | values.strange,
    "BOOLEAN": values.numbers | values.strange,
    "IMAGE": values.tensors() | values.strange,
    "MASK": values.tensors() | values.strange,
    "LATENT": values.latents | values.strange,
    "CONDITIONING": values.conditionings | values.strange,
    "HIGEN_CUES": values.strange
    | st.builds(hg.Cues.constant, st.sampled_from((2, 3, 16, 17, 33, 1024)), st.integers(0, 1000), st.floats(0, 1))
    | st.builds(hg.Cues.null, st.sampled_from((1, 2, 3, 17))),
    "AUDIO": values.sounds | values.strange,
    "CURVE": values.curves | values.points | values.strange,
}
"""Hostile values by the type of an input. Those of other types are objects that no node expects."""
TEXTS = {"motion_curve": values.curve_texts, "appearance_curve": values.curve_texts}


@cache
def loaded() -> tuple[Any, Any, Any]:
    """Model, CLIP and VAE of mini."""
    return tuple(HiGenLoader.execute(**MINI).args)


@cache
def valid_inputs() -> dict[type, dict[str, Any]]:
    """Valid inputs of each node, so small that a run takes no time."""
    model, clip, vae = loaded()
    prompt, empty = (clip.encode_from_tokens_scheduled(clip.tokenize(text)) for text in ("a cat", ""))
    prompts = {"positive": prompt, "negative": empty}
    prior = {"samples": torch.rand(1, 4, 4, 4)}
    cues = hg.Cues.constant(3)
    sampling = {"seed": 1, "steps": 1, "cfg": 2.0, "sampler": "ddim"}
    images = torch.rand(3, 24, 32, 3)
    size = {"width": 32, "height": 32}
    by_name = {
        "HiGenLoader": MINI,
        "HiGenSpatialPriorSampler": {"model": model, **prompts, **size, **sampling},
        "HiGenImagePrior": {"images": images, "vae": vae, **size, "fit": "crop", "background": "#808080"},
        "HiGenCueSchedule": {"frames": 4, "motion": 300, "appearance": 0.5, "model": model},
        "HiGenCueExtractor": {
            **{
                "model": model,
                "images": images,
                "images_fps": 8.0,
                "frames": 3,
                "span": "from start, at the model's rate",
            },
            **{
                "start": 0.0,
                "blur": 0.0,
                "cuts": "mask",
                "encoder": "auto",
                "similarity_floor": -1.0,
                "motion_scale": 0.0,
            },
        },
        "HiGenTemporalSampler": {"model": model, **prompts, "prior": prior, "cues": cues, **sampling},
        "HiGenPriorTrack": {"prior_1": prior, "prior_2": prior},
        "HiGenAudioMotion": {
            **{"audio": {"waveform": torch.rand(1, 1, 8000), "sample_rate": 8000}, "measure": "loudness"},
            **{"frames": 4, "fps": 8.0, "start": 0.0, "low": 0, "high": 600, "decay": 0.2},
        },
        "HiGenApplyCues": {**prompts, "prior": prior, "cues": cues},
        "HiGenVideoNoise": {"model": model, "cues": cues, "noise_seed": 1},
        "HiGenGuider": {"model": model, **prompts, "cfg": 2.0},
        "HiGenAccelerate": {"model": model, "preset": "fast"},
        "HiGenVideoCombine": {"images": images, "fps": 8.0, "format": "gif", "filename_prefix": "soak/video"},
    }
    return {node: by_name[node.define_schema().node_id] for node in pack.NODES}


def executable(node: type[io.ComfyNode]) -> Callable[..., io.NodeOutput]:
    """What ComfyUI calls, as a function that is not async, with the hidden inputs of a run."""
    prepared = type("Node", (node,), {"hidden": HIDDEN})
    return getattr(prepared, "make_cues", prepared.execute)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """One input of one node replaced by a hostile value."""
    node = draw(st.sampled_from(pack.NODES))
    schema = node.define_schema()
    spec = draw(st.sampled_from([spec for spec in schema.inputs]))
    value = draw(TEXTS.get(spec.id, BY_TYPE.get(spec.io_type, values.strange | values.tensors())))
    inputs = valid_inputs()[node] | {spec.id: value}
    if schema.node_id == "HiGenCueExtractor" and spec.id in ("images", "video"):
        inputs = {name: entry for name, entry in inputs.items() if name == spec.id or name not in ("images", "video")}
    text = f"{schema.node_id}.{spec.id} = {values.described(value)}"
    return Case(text, (spec.id,), lambda: used(executable(node)(**inputs)), is_finite)


def used(result: io.NodeOutput) -> list[Any]:
    """The outputs of a node; what only works when it is used, such as a guider, is used."""
    return [use(value) for value in result.args]


def use(value: Any) -> Any:
    if isinstance(value, TextAndAppearanceGuider):
        return sample(value, torch.randn(1, 4, 4, 4), "ddim", 1, 0)
    if isinstance(value, VideoNoise):
        return value.generate_noise({"samples": torch.zeros(value.cues.frames, 4, 4, 4)})
    return value.get_components().images if isinstance(value, FramesVideo) else value


def is_finite(value: Any) -> bool:
    """Whether images, latents and cues of a result are finite."""
    if isinstance(value, list | tuple):
        return all(map(is_finite, value))
    if isinstance(value, dict):
        return all(is_finite(entry) for entry in value.values())
    if isinstance(value, hg.Cues):
        return bool(value.appearance.isfinite().all())
    return not isinstance(value, torch.Tensor) or bool(value.isfinite().all())
