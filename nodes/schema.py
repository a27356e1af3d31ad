"""What the schemas of several nodes share: HIGEN_CUES, inputs, and fields that not every supported ComfyUI knows."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from .. import higen_core as hg
from .sampling.settings import MODEL_CHOICE, OF_MODEL

HigenCuesType = io.Custom("HIGEN_CUES")
FRAMES_MAX = 1024
"""Frames of the longest video."""

NEWER_FIELDS = ("search_aliases", "has_intermediate_output")
"""Fields of io.Schema that ComfyUI 0.3.75 does not have."""


def known_fields(**fields: Any) -> dict[str, Any]:
    """Those of NEWER_FIELDS that the schema of the running ComfyUI has, as its keyword arguments.

    Raises:
        TypeError: a name that is not one of NEWER_FIELDS.
    """
    if unknown := fields.keys() - set(NEWER_FIELDS):
        raise TypeError(f"a field must be one of {', '.join(NEWER_FIELDS)}, got {sorted(unknown)[0]}")
    return {name: value for name, value in fields.items() if name in io.Schema.__dataclass_fields__}


def advanced(entry: io.Input) -> io.Input:
    """The same input, which the graph editor shows only on request: for what is rarely set."""
    entry.extra_dict["advanced"] = True  # 0.3.75 has no argument for it, but passes it on to the graph editor
    return entry


def model_input() -> io.Input:
    return io.Model.Input("model", tooltip="From HiGen Loader.")


def prompt_inputs() -> list[io.Input]:
    return [
        io.Conditioning.Input("positive", tooltip="The prompt, from CLIP Text Encode with HiGen Loader's CLIP."),
        io.Conditioning.Input(
            "negative", tooltip="What to avoid, from CLIP Text Encode; HiGen was trained with an empty text."
        ),
    ]


def seed_input(name: str = "seed") -> io.Input:
    return io.Int.Input(
        name,
        default=0,
        min=0,
        max=0xFFFFFFFFFFFFFFFF,
        control_after_generate=True,
        tooltip="Seed of the noise, which is drawn on the CPU: a seed gives the same result on every device.",
    )


def size_inputs() -> list[io.Input]:
    return [
        io.Int.Input(
            side,
            default=0,
            min=0,
            max=4096,
            step=8,
            tooltip=f"Pixels; 0 is the {side} the model was trained on.",
        )
        for side in ("width", "height")
    ]


def sampling_inputs() -> list[io.Input]:
    """The sampling options, which both stages have in this order."""
    return [
        seed_input(),
        io.Int.Input(
            "steps",
            default=OF_MODEL["steps"],
            min=0,
            max=1000,
            tooltip="Denoising steps; 0 is as many as suit the model (mini 12, released 50).",
        ),
        cfg_input(),
        io.Combo.Input(
            "sampler",
            options=[MODEL_CHOICE, *hg.SAMPLERS],
            default=OF_MODEL["sampler"],
            tooltip="Sampling method; model default is the one that suits the model (mini dpmpp_2m, released ddim). "
            "dpmpp_2m needs about half the steps of ddim.",
        ),
    ]


def cfg_input() -> io.Input:
    return io.Float.Input(
        "cfg",
        default=OF_MODEL["cfg"],
        min=-1.0,
        max=100.0,
        step=0.05,  # the page rounds to the decimals of the step
        round=0.01,
        tooltip="Classifier-free guidance scale, without unit: 1 ignores the negative prompt, higher follows the "
        "positive one more closely. -1 is what suits the model (mini 3 for the prior, 2 for the video; released 12).",
    )


def fps_input(name: str, tooltip: str, max: float = 120.0, default: float = 8.0, **options: Any) -> io.Input:
    """A frame rate up to `max`, with the decimals of 23.976: the page rounds to those of the step. 0 is the model's."""
    least = 0.0 if default == OF_MODEL["fps"] else 0.1
    return io.Float.Input(
        name, default=default, min=least, max=max, step=0.005, round=0.001, tooltip=tooltip, **options
    )


def appearance_cfg_input() -> io.Input:
    return advanced(
        io.Float.Input(
            "appearance_cfg",
            default=0.0,
            min=0.0,
            max=10.0,
            step=0.1,
            optional=True,
            tooltip="Guidance scale of the appearance cue, without unit: 1 is none, higher makes small changes smaller "
            "and large ones larger. 0 is the model's own value (mini 3, released 1).",
        )
    )


def window_inputs() -> list[io.Input]:
    """How a video longer than the training clips is sampled, and whether it is a loop."""
    return [
        advanced(
            io.Int.Input(
                "context_length",
                default=0,
                min=0,
                max=FRAMES_MAX,
                optional=True,
                tooltip="Frames of a context window: longer videos are sampled in windows, whose frames are blended. 0 "
                "is the length that the model was trained on (mini 16, released 32), which is also the most.",
            )
        ),
        advanced(
            io.Int.Input(
                "context_overlap",
                default=0,
                min=0,
                max=FRAMES_MAX,
                optional=True,
                tooltip="Frames that neighboring windows share: more blend more smoothly, but take longer. 0 is half "
                "of a window.",
            )
        ),
        io.Boolean.Input(
            "loop",
            default=False,
            optional=True,
            tooltip="Make a video whose first frame follows its last, so that it can be repeated without a cut.",
        ),
    ]


def cues_input() -> io.Input:
    return HigenCuesType.Input(
        "cues",
        optional=True,
        tooltip="From HiGen Cue Schedule: frames, motion and appearance. Without it the model's own: constant motion "
        "and appearance, as long as its training clips.",
    )


def prior_inputs() -> list[io.Input]:
    return [
        io.Latent.Input(
            "prior",
            lazy=True,  # it is sampled after the cues were checked
            tooltip="The latent of one picture: it sets the size and the content of the video.",
        ),
        cues_input(),
    ]


def prior_strength_input() -> io.Input:
    return advanced(
        io.Float.Input(
            "prior_strength",
            default=1.0,
            min=0.0,
            max=1.0,
            step=0.01,
            optional=True,
            tooltip="How closely the frames follow the prior, without unit: 1 as in training, 0 not at all.",
        )
    )
