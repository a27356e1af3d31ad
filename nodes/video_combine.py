"""HiGen Video Combine: writes frames and audio to a file that restores its graph, with a preview, and returns VIDEO."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import comfy.model_management
import comfy.utils
import folder_paths
import numpy as np
import torch
from comfy.cli_args import args
from comfy_api.latest import InputImpl, Types, io

from .. import higen_core as hg
from .models.model import higen_model
from .output.measured_curves import measured_curves
from .output.video_writer import FORMATS, PNG_FRAMES, Clip, complete_file, pad_even, to_uint8, write_png
from .sampling.settings import OF_MODEL, note, of_model
from .schema import fps_input, known_fields
from .validation import validated


class HiGenVideoCombine(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="HiGenVideoCombine",
            display_name="HiGen Video Combine",
            category="HiGen",
            description="Saves frames as a video (mp4, webm), an animation (gif, webp) or png files, plays it on the "
            "node, and stores the workflow in the file: drop it on the canvas to open the graph again.",
            inputs=[
                io.Image.Input("images", tooltip="The frames of one video, in order, values 0 to 1."),
                fps_input(
                    "fps",
                    "Frames per second; 0 is the rate of the connected model, without one 8, which HiGen is made for.",
                    default=OF_MODEL["fps"],
                ),
                io.Combo.Input(
                    "format",
                    options=[*FORMATS, PNG_FRAMES],
                    default="h264-mp4",
                    tooltip="h264-mp4 plays everywhere. mp4 and webm repeat the last column or row of an odd width or "
                    "height. gif has 256 colors and cannot restore the workflow.",
                ),
                io.String.Input(
                    "filename_prefix",
                    default="HiGen/video",
                    tooltip="Path in ComfyUI's output folder; a number and the file type are added. Placeholders like "
                    "%date:yyyy-MM-dd% work as in Save Image.",
                ),
                io.Audio.Input(
                    "audio", optional=True, tooltip="Sound for mp4 or webm, mono or stereo, cut where the video ends."
                ),
                io.Model.Input(
                    "model",
                    optional=True,
                    tooltip="From HiGen Loader, to measure motion and appearance of the finished video in the units of "
                    "this model. They are drawn over the curves of the HiGen Cue Schedule that the video follows.",
                ),
            ],
            hidden=[io.Hidden.unique_id],
            outputs=[
                io.Video.Output(
                    display_name="video", tooltip="The frames and the sound, uncompressed, for Save Video and others."
                )
            ],
            is_output_node=True,
            not_idempotent=True,  # the answer names the node, so an equal node needs one of its own
            **known_fields(search_aliases=["save video", "export video", "images to video", "mp4", "webm", "gif"]),
        )

    @classmethod
    @validated
    def execute(cls, images, fps, format, filename_prefix, audio=None, model=None) -> io.NodeOutput:
        check_images(images)
        check_prefix(filename_prefix)
        info = hg.ModelInfo() if model is None else higen_model(model).info
        values, shown = of_model({"fps": fps}, {"fps": info.fps})
        rate = Fraction(values["fps"]).limit_denominator(1000)
        clip = Clip(with_progress(images), rate, graph_metadata(cls), *waveform_of(audio, format, len(images), rate))
        video = InputImpl.VideoFromComponents(
            Types.VideoComponents(images=even_frames(images), audio=audio, frame_rate=rate)
        )
        ui = shown | single_frame_note(len(images)) | save(clip, format, filename_prefix, images.shape)
        if model is not None and cls.hidden.prompt:
            higen = higen_model(model)
            ui |= measured_curves(
                images[..., :3], higen.info, higen.image_tower, cls.hidden.prompt, cls.hidden.unique_id
            )
        return io.NodeOutput(video, ui=ui)


def single_frame_note(frames: int) -> dict[str, list]:
    """The ui entry and a line in the log that say that the video is a still picture, if it is one."""
    if frames > 1:
        return {"higen_notes": []}
    text = (
        "images has a single frame, so the video is a still picture. A bypassed HiGen Temporal Sampler passes on the "
        "prior alone"
    )
    logging.warning("HiGen Video Combine: %s", text)
    return note(text)


def check_images(images: torch.Tensor) -> None:
    """Raises ValueError unless the images are (f, h, w, 3 or more) and finite."""
    if images.ndim != 4 or images.shape[-1] < 3 or 0 in images.shape:
        raise ValueError(f"images must be a batch (frames, height, width, 3), got {tuple(images.shape)}")
    broken = [i for i, frame in enumerate(images) if not torch.isfinite(frame).all()]
    if broken:
        raise ValueError(
            f"images: frame {broken[0]} of {len(images)} has NaN or infinite pixels ({len(broken)} such frames). "
            "The sampler or the VAE overflowed in half precision: set dtype to fp32 in HiGen Loader, or start ComfyUI "
            "with --fp32-vae."
        )


def check_prefix(filename_prefix: str) -> None:
    """Raises ValueError for a path outside the output folder."""
    folder = Path(folder_paths.get_output_directory()).resolve()
    if not (folder / filename_prefix).resolve().is_relative_to(folder):
        raise ValueError(f"filename_prefix must not lead outside the output folder, got {filename_prefix!r}")


def waveform_of(audio: dict | None, format: str, frames: int, fps: Fraction) -> tuple[np.ndarray | None, int]:
    """The waveform of AUDIO, (channels, samples), cut to the length of the video, and its sample rate in Hz.

    Raises:
        ValueError: the format has no audio, or the audio is not one mono or stereo sound.
    """
    if audio is None:
        return None, 0
    if format == PNG_FRAMES or not FORMATS[format].has_audio:
        formats = ", ".join(name for name, entry in FORMATS.items() if entry.has_audio)
        raise ValueError(f"format {format!r} cannot contain audio: choose {formats}, or disconnect audio")
    waveform, rate = audio["waveform"], int(audio["sample_rate"])
    if waveform.ndim != 3 or waveform.shape[0] != 1 or waveform.shape[1] not in (1, 2) or not waveform.shape[2]:
        raise ValueError(
            f"audio must be one mono or stereo sound (1, 1 or 2, samples), got waveform {tuple(waveform.shape)}"
        )
    return waveform[0, :, : round(frames / fps * rate)].float().cpu().numpy(), rate


def with_progress(images: torch.Tensor) -> Callable[[], Iterator[np.ndarray]]:
    """The frames as uint8 arrays, one at a time, with a progress bar; cancelling by the user ends them."""

    def frames() -> Iterator[np.ndarray]:
        bar = comfy.utils.ProgressBar(len(images))
        for image in images:
            comfy.model_management.throw_exception_if_processing_interrupted()
            yield to_uint8(image[..., :3])
            bar.update(1)

    return frames


def even_frames(images: torch.Tensor) -> torch.Tensor:
    """RGB frames with even height and width; the stock node Save Video refuses odd sizes."""
    if images.shape[1] % 2 == 0 and images.shape[2] % 2 == 0:
        return images[..., :3]
    return torch.from_numpy(np.stack([pad_even(image[..., :3].cpu().numpy()) for image in images]))


def graph_metadata(cls: type[io.ComfyNode]) -> dict[str, Any]:
    """`prompt` and `workflow`, as in every file that ComfyUI saves; empty with --disable-metadata."""
    if args.disable_metadata:
        return {}
    prompt = {"prompt": cls.hidden.prompt} if cls.hidden.prompt is not None else {}
    return prompt | (cls.hidden.extra_pnginfo or {})


def save(clip: Clip, format: str, filename_prefix: str, shape: torch.Size) -> dict[str, list]:
    """Writes the file, or a png file for each frame, and returns the ui entry for the graph editor's preview."""
    frames, height, width = shape[:3]
    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
        filename_prefix, folder_paths.get_output_directory(), width, height
    )
    location = {"subfolder": subfolder, "type": "output"}
    stem = f"{name}_{counter:05}_"
    if format == PNG_FRAMES:
        names = [f"{stem}{i:04}.png" for i in range(frames)]
        for file, image in zip(names, clip.frames(), strict=True):
            with complete_file(Path(folder, file)) as partial:
                write_png(image, partial, clip.metadata)
        return {"images": [{"filename": file, **location} for file in names]}
    writer = FORMATS[format]
    with complete_file(Path(folder, stem + writer.suffix)) as partial:
        writer.write(clip, partial)
    details = {"format": writer.mime, "fps": float(clip.fps), "frames": frames, "width": width, "height": height}
    return {"higen_video": [{"filename": stem + writer.suffix, **location, **details}]}
