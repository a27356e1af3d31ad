"""HiGen Cue Extractor: measures the cues of a video."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import comfy.model_management
import comfy.utils
import torch
from comfy_api.latest import InputImpl, io

from .. import higen_core as hg
from ..higen_core.cues.curves import MOTION_MAX
from ..higen_core.media.video_reader import open_video
from .models.folders import AUTO
from .models.image_encoders import dinov2, dinov2_names
from .models.model import HigenModel, higen_model
from .schema import FRAMES_MAX, HigenCuesType, advanced, fps_input, known_fields
from .validation import validated

FROM_START, WHOLE = "from start, at the model's rate", "whole footage, fitted to the length"
"""Choices of the input `span`. Saved workflows contain them, so they must not change."""
KEEP, MASK = "keep", "mask"
FLOOR_OF_MODEL, SCALE_OF_MODEL = -1.0, 0.0
"""Values of the inputs that stand for the model's own."""


class HiGenCueExtractor(io.ComfyNode):
    """With a model, cues are in its units and at its frame rate and length; without one, in those of the released
    weights, and as long as the video.

    The image encoder of the appearance cue is the connected CLIP_VISION, or else the input `encoder`, where "auto" is
    the image tower in the file of the model's text encoder. Without a model, auto measures motion alone.
    """

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="HiGenCueExtractor",
            display_name="HiGen Cue Extractor",
            category="HiGen",
            description="Measures how much moves and how much the look changes in any video, of any model, so that a "
            "HiGen video can do the same. Connect images or a video.",
            inputs=[
                io.Model.Input(
                    "model",
                    optional=True,
                    tooltip="From HiGen Loader: the cues are in its units and at its frame rate and length. Without "
                    "it they are in the units of the released weights, at 8 frames per second, as long as the video.",
                ),
                io.Image.Input("images", optional=True, tooltip="Frames of a video, in order, values 0 to 1."),
                io.Video.Input(
                    "video",
                    optional=True,
                    tooltip="A video from Load Video; it is read frame by frame, at any length.",
                ),
                io.ClipVision.Input(
                    "clip_vision",
                    optional=True,
                    tooltip="From Load CLIP Vision: measures appearance in place of the encoder below.",
                ),
                fps_input("images_fps", "Frames per second of images. A video has its own frame rate.", max=1000.0),
                io.Int.Input(
                    "frames",
                    default=0,
                    min=0,
                    max=FRAMES_MAX,
                    tooltip="Length of the cues in frames; 0 is the length that the model was trained on, and without "
                    "model that of the video.",
                ),
                io.Combo.Input(
                    "span",
                    options=[FROM_START, WHOLE],
                    default=FROM_START,
                    tooltip="Which part to measure: as many seconds as the new video will last, or all of it, with "
                    "motion averaged to the length of the cues.",
                ),
                io.Float.Input(
                    "start",
                    default=0.0,
                    min=0.0,
                    max=1_000_000.0,
                    step=0.1,
                    tooltip="Seconds to skip at the beginning.",
                ),
                advanced(
                    io.Float.Input(
                        "blur",
                        default=0.0,
                        min=0.0,
                        max=20.0,
                        step=0.1,
                        tooltip="Blur before motion is measured, in pixels (standard deviation), against noise and "
                        "compression. 1 pixel reduces the apparent motion of noise to 28 %, 2 pixels to 14 %; the "
                        "motion of edges is unchanged.",
                    )
                ),
                io.Combo.Input(
                    "cuts",
                    options=[KEEP, MASK],
                    default=MASK,
                    tooltip="Motion at scene cuts. keep: as measured; mask: replaced by the motion before and after "
                    "the cut. Appearance always shows a cut.",
                ),
                io.Combo.Input(
                    "encoder",
                    options=[AUTO, *dinov2_names()],
                    default=AUTO,
                    tooltip="Measures appearance. auto is the image tower that comes with the model, and without model "
                    "none: motion alone. DINOv2 folders in models/clip_vision are listed too.",
                ),
                advanced(
                    io.Float.Input(
                        "similarity_floor",
                        default=FLOOR_OF_MODEL,
                        min=-1.0,
                        max=0.99,
                        step=0.01,
                        tooltip="Cosine similarity of pictures that have nothing in common; it becomes appearance 0. "
                        "-1 is the value stored with the model, 0 without one.",
                    )
                ),
                advanced(
                    io.Float.Input(
                        "motion_scale",
                        default=SCALE_OF_MODEL,
                        min=0.0,
                        max=1_000_000.0,
                        step=100.0,
                        tooltip="Motion cue for a mean change of a pixel by full brightness. 0 is the model's value, "
                        "10,000 without one; lower it for videos with more motion than the model was trained on, where "
                        "the curve is cut off at 1000.",
                    )
                ),
            ],
            outputs=[
                HigenCuesType.Output(
                    display_name="cues", tooltip="For HiGen Temporal Sampler, or to blend in HiGen Cue Schedule."
                ),
                io.Image.Output(
                    display_name="plot", tooltip="Both cues and the detected scene cuts, for Preview Image."
                ),
            ],
            **known_fields(
                search_aliases=["motion transfer", "extract motion", "optical flow", "video analysis", "scene cuts"],
                has_intermediate_output=True,
            ),
        )

    @classmethod
    @validated
    def execute(
        cls,
        images_fps,
        frames,
        span,
        start,
        blur,
        cuts,
        encoder,
        similarity_floor,
        motion_scale,
        model=None,
        images=None,
        video=None,
        clip_vision=None,
    ) -> io.NodeOutput:
        higen = None if model is None else higen_model(model)
        options = hg.cue_options(higen.info) if higen else hg.cue_options(hg.ModelInfo()) | {"frames": None}
        encode = image_encoder(higen, clip_vision, encoder)
        if frames:
            options["frames"] = frames
        if similarity_floor != FLOOR_OF_MODEL:
            options["floor"] = similarity_floor
        if motion_scale != SCALE_OF_MODEL:
            options["scale"] = motion_scale
        cues = hg.extract_cues(
            **video_source(images, images_fps, video),
            image_encoder=encode or same_look,
            start=start,
            whole=span == WHOLE,
            blur=blur,
            mask_cuts=cuts == MASK,
            on_progress=progress_callback(options["frames"]),
            **options,
        )
        plot = hg.plot_cues(cues, fps=options["fps"], cuts=cues.cuts)
        text = describe(cues, encode is not None)
        if higen is None:
            text += f"\nno model: motion in units of scale {options['scale']:g}, {options['fps']:g} frames per second"
        return io.NodeOutput(cues, torch.from_numpy(plot)[None], ui={"text": [text]})


def video_source(images: torch.Tensor | None, images_fps: float, video: Any) -> dict[str, Any]:
    """The options of `extract_cues` that state the video. A video file is not decoded here, unless only ComfyUI knows
    which part of it is meant; its images then count as evenly spaced, at the rate of the file.

    Raises:
        ValueError: neither images nor a video, or both.
    """
    if (images is None) == (video is None):
        raise ValueError(f"connect either images or video, got {'neither' if images is None else 'both'}")
    if images is not None:
        return {"source": images, "source_fps": images_fps}
    if isinstance(video, InputImpl.VideoFromFile) and (trim := trim_of(video)):
        return {"source": video.get_stream_source(), "trim": trim}
    components = video.get_components()
    alpha = getattr(components, "alpha", None)  # newer than 0.3.75
    images = components.images if alpha is None else WithAlpha(components.images, alpha)
    rate = float(components.frame_rate)
    if isinstance(video, InputImpl.VideoFromFile):  # of a live recording, ComfyUI states the ticks of its clock
        rate = open_video(video.get_stream_source(), rate).rate
    return {"source": images, "source_fps": rate}


class WithAlpha:
    """Images (f, h, w, 3) and their alpha (f, h, w) or (f, h, w, 1) as images of four channels, made one by one."""

    def __init__(self, images: torch.Tensor, alpha: torch.Tensor) -> None:
        self.images = images
        self.alpha = alpha.reshape(*images.shape[:3], 1)

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[torch.Tensor]:
        return (torch.cat(pair, dim=-1) for pair in zip(self.images, self.alpha.to(self.images), strict=True))


def trim_of(video: Any) -> tuple[float, float] | None:
    """Start and duration, in seconds, of the part of its file that a video shows; duration 0 is up to the end.

    ComfyUI 0.3.75 cannot trim, and the first versions that can do not state the part. None stands for such a trim and
    for a cropped image, where only ComfyUI itself can read the video.
    """
    file = InputImpl.VideoFromFile(video.get_stream_source())
    if hasattr(video, "as_cropped") and video.get_dimensions() != file.get_dimensions():
        return None
    if hasattr(video, "get_active_trim_window"):
        return video.get_active_trim_window()
    if hasattr(video, "as_trimmed") and video.get_duration() != file.get_duration():
        return None
    return 0.0, 0.0


def image_encoder(model: HigenModel | None, clip_vision: Any, encoder: str) -> Any:
    """The image encoder for `extract_cues`; None, for motion alone, if it is left to a model and there is none.

    Raises:
        ValueError: `encoder` is "auto", but the model has no image tower.
    """
    if clip_vision is not None:
        return lambda images: clip_vision.encode_image(images)["image_embeds"].float()
    if encoder != AUTO:
        return dinov2(encoder).encode_image
    if model is None:
        return None
    if not model.image_tower:
        raise ValueError("encoder is auto, but the model has no image tower: connect clip_vision")
    return model.encode_image


def same_look(images: torch.Tensor) -> torch.Tensor:
    """An encoder for motion alone: every image (b, h, w, 3) looks the same, (b, 1)."""
    return images.new_ones(len(images), 1)


def progress_callback(total: int | None) -> Callable[[int, int | None], None]:
    """A function for `on_progress` of `extract_cues` that updates the progress bar and raises if the user cancels, or
    if a video whose length is not given is too long."""
    bar = comfy.utils.ProgressBar(total or 1)

    def update(measured: int, samples: int | None) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        if total is None and max(measured, samples or 0) > FRAMES_MAX:
            raise ValueError(
                f"frames is 0, as many as the video has, and that is more than {FRAMES_MAX}: set frames, and span to "
                f"{WHOLE} for all of the video"
            )
        bar.update_absolute(measured, samples or total or measured + 1)

    return update


def describe(cues: hg.ExtractedCues, appearance_measured: bool) -> str:
    """A summary of the cues in a few lines, for the node."""
    motion, appearance = cues.motion, cues.appearance[0, -1]
    lines = [
        f"{cues.frames} frames, motion {motion.min()} to {motion.max()}, on average {motion.float().mean():.0f}",
        f"first and last frame: appearance similarity {appearance:.2f}"
        if appearance_measured
        else "appearance is not measured: connect clip_vision",
    ]
    if clipped := int((motion == MOTION_MAX).sum()):
        lines.append(f"{clipped} of {len(motion)} steps are cut off at motion {MOTION_MAX}: lower motion_scale")
    if cues.cut_seconds:
        lines.append(f"scene cuts at {', '.join(f'{second:.2f}' for second in cues.cut_seconds)} s")
    return "\n".join(lines)
