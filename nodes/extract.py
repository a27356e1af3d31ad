"""HiGen Cue Extractor: the cues of a real video."""

from __future__ import annotations

from typing import Any

import comfy.model_management
import comfy.utils
import torch
from comfy_api.latest import InputImpl, io

from .. import higen_core as hg
from ..higen_core.curves import MOTION_MAX
from .checks import checked
from .cues import HigenCuesType
from .encoders import dinov2_folder, dinov2_names
from .feedback import image_tower
from .model import HigenModel, HigenModelType
from .paths import AUTO

FROM_START, WHOLE = "from start, at the model's rate", "whole footage, fitted to the length"
KEEP, MASK = "keep", "mask"
MODELS_FLOOR, MODELS_SCALE = -1.0, 0.0


class HiGenCueExtractor(io.ComfyNode):
    """The model is a required input, since a cue means nothing without the units, the rate and the length of the model
    that will read it. Appearance is judged by the connected CLIP_VISION; else by the chosen encoder, where "auto" is
    the image tower in the model's own text encoder file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="HiGenCueExtractor",
            display_name="HiGen Cue Extractor",
            category="HiGen",
            description="Measures how much moves and how much the look changes in footage of any kind, so that a HiGen "
            "video can do the same. Connect images or a video.",
            inputs=[
                HigenModelType.Input(
                    "model", tooltip="From HiGen Loader: the model whose units, frame rate and length the cues are for."
                ),
                io.Image.Input("images", optional=True, tooltip="Frames of the footage, in order, values 0 to 1."),
                io.Video.Input(
                    "video", optional=True, tooltip="Footage from Load Video; it is read frame by frame, at any length."
                ),
                io.ClipVision.Input(
                    "clip_vision",
                    optional=True,
                    tooltip="Judges appearance in place of the encoder below, from Load CLIP Vision.",
                ),
                io.Float.Input(
                    "images_fps",
                    default=8.0,
                    min=0.1,
                    max=1000.0,
                    step=0.1,
                    tooltip="Frames per second of images. A video knows its own.",
                ),
                io.Int.Input(
                    "frames",
                    default=0,
                    min=0,
                    max=1024,
                    tooltip="Length of the cues in frames; 0 is the length that the model was trained on.",
                ),
                io.Combo.Input(
                    "span",
                    options=[FROM_START, WHOLE],
                    default=FROM_START,
                    tooltip="Which part of the footage: as many seconds as the video will last, or all of it, with "
                    "motion averaged to the length of the cues.",
                ),
                io.Float.Input(
                    "start",
                    default=0.0,
                    min=0.0,
                    max=1_000_000.0,
                    step=0.1,
                    tooltip="Seconds of footage to leave out.",
                ),
                io.Float.Input(
                    "blur",
                    default=0.0,
                    min=0.0,
                    max=20.0,
                    step=0.1,
                    tooltip="Blur before motion is measured, in pixels (standard deviation), against noise and "
                    "compression: noise reads 28 % of what it did at 1 pixel and 14 % at 2, moving edges read the "
                    "same.",
                ),
                io.Combo.Input(
                    "cuts",
                    options=[KEEP, MASK],
                    default=MASK,
                    tooltip="Motion at scene cuts: keep it as measured, or mask it with the motion beside it. "
                    "Appearance always shows a cut.",
                ),
                io.Combo.Input(
                    "encoder",
                    options=[AUTO, *dinov2_names()],
                    default=AUTO,
                    tooltip="Judges appearance: auto is the image tower that comes with the model; DINOv2 folders in "
                    "models/clip_vision are listed too.",
                ),
                io.Float.Input(
                    "similarity_floor",
                    default=MODELS_FLOOR,
                    min=-1.0,
                    max=0.99,
                    step=0.01,
                    tooltip="Cosine similarity of pictures that have nothing in common, which reads as appearance 0. "
                    "-1 is the value stored with the model.",
                ),
                io.Float.Input(
                    "motion_scale",
                    default=MODELS_SCALE,
                    min=0.0,
                    max=1_000_000.0,
                    step=100.0,
                    tooltip="Motion cue per change of an average pixel by full brightness. 0 is the model's; lower it "
                    "for footage that moves more than the model ever saw, where the curve is cut off at 1000.",
                ),
            ],
            outputs=[
                HigenCuesType.Output(
                    display_name="cues", tooltip="For HiGen Temporal Sampler, or to be blended in HiGen Cue Schedule."
                ),
                io.Image.Output(
                    display_name="plot", tooltip="Both cues, and the scene cuts that were found, for Preview Image."
                ),
            ],
        )

    @classmethod
    @checked
    def execute(
        cls,
        model: HigenModel,
        images_fps,
        frames,
        span,
        start,
        blur,
        cuts,
        encoder,
        similarity_floor,
        motion_scale,
        images=None,
        video=None,
        clip_vision=None,
    ) -> io.NodeOutput:
        options = hg.cue_options(model.info)
        if frames:
            options["frames"] = frames
        if similarity_floor != MODELS_FLOOR:
            options["floor"] = similarity_floor
        if motion_scale != MODELS_SCALE:
            options["scale"] = motion_scale
        cues = hg.extract_cues(
            **source(images, images_fps, video),
            image_encoder=image_encoder(model, clip_vision, encoder),
            start=start,
            whole=span == WHOLE,
            blur=blur,
            mask_cuts=cuts == MASK,
            watch=watcher(options["frames"]),
            **options,
        )
        plot = hg.plot_cues(cues, fps=options["fps"], cuts=cues.cuts)
        return io.NodeOutput(cues, torch.from_numpy(plot)[None], ui={"text": [describe(cues)]})


def source(images: torch.Tensor | None, images_fps: float, video: Any) -> dict[str, Any]:
    """The footage as options of `extract_cues`. A video file is not decoded here."""
    if (images is None) == (video is None):
        raise ValueError(f"connect either images or video, got {'neither' if images is None else 'both'}")
    if images is not None:
        return {"source": images, "source_fps": images_fps}
    if isinstance(video, InputImpl.VideoFromFile):
        return {"source": video.get_stream_source()}
    parts = video.get_components()
    return {"source": parts.images, "source_fps": float(parts.frame_rate)}


def image_encoder(model: HigenModel, clip_vision: Any, encoder: str) -> Any:
    if clip_vision is not None:
        return lambda pictures: clip_vision.encode_image(pictures)["image_embeds"].float()
    if encoder != AUTO:
        return hg.load_dinov2(dinov2_folder(encoder))
    if not model.image_tower:
        raise ValueError("encoder is auto, but the model came without an image tower: connect clip_vision")
    return image_tower(model.image_tower)


def watcher(total: int) -> Any:
    """Moves the progress bar, and stops when the user cancels."""
    bar = comfy.utils.ProgressBar(total)

    def watch(done: int, samples: int | None) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        bar.update_absolute(done, samples)

    return watch


def describe(cues: hg.ExtractedCues) -> str:
    """What was found, in a few words."""
    motion, appearance = cues.motion, cues.appearance[0, -1]
    lines = [
        f"{cues.frames} frames, motion {motion.min()} to {motion.max()}, on average {motion.float().mean():.0f}",
        f"first and last frame: appearance similarity {appearance:.2f}",
    ]
    if most := int((motion == MOTION_MAX).sum()):
        lines.append(
            f"{most} of {len(motion)} steps are cut off at motion {MOTION_MAX}: a lower motion_scale shows them"
        )
    if cues.cut_seconds:
        lines.append(f"scene cuts at {', '.join(f'{second:.2f}' for second in cues.cut_seconds)} s")
    return "\n".join(lines)
