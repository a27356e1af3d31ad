"""HiGen Video Combine: writes frames and audio to a file that restores its graph, with a preview, and returns VIDEO."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from importlib.util import find_spec
from typing import Any

import comfy.model_management
import comfy.utils
import numpy as np
import torch
from comfy.cli_args import args
from comfy_api.latest import io

from .. import higen_core as hg
from .models.model import higen_model
from .output.animations import write_png
from .output.clip import QUALITIES, Clip, to_uint8
from .output.freed_memory import give_back
from .output.measured_curves import measured_curves
from .output.saved_files import Destination, destination, publish, unfinished
from .output.sound import Sound, read_sound
from .output.video_value import FramesVideo
from .output.video_writer import FORMATS, PNG_FRAMES
from .sampling.settings import OF_MODEL, note, of_model
from .schema import fps_input, known_fields
from .validation import validated

FPS_MIN, FPS_MAX = 0.1, 120.0
LOOPS_MAX = 65_535
"""Largest number that gif and webp have a place for."""


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
                    "audio",
                    optional=True,
                    tooltip="Sound for mp4 or webm, cut where the video ends; more than two channels are mixed down.",
                ),
                io.Model.Input(
                    "model",
                    optional=True,
                    tooltip="From HiGen Loader, to measure motion and appearance of the finished video in the units of "
                    "this model. They are drawn over the curves of the HiGen Cue Schedule that the video follows.",
                ),
                io.Combo.Input(
                    "quality",
                    options=list(QUALITIES),
                    default="high",
                    optional=True,
                    tooltip="Of mp4, webm and webp: each level has files about half as large as the one before.",
                ),
                io.Int.Input(
                    "loop_count",
                    default=0,
                    min=0,
                    max=LOOPS_MAX,
                    optional=True,
                    tooltip="How often a gif or webp plays; 0 is for ever. mp4 and webm play as the player is set.",
                ),
                io.Boolean.Input(
                    "ping_pong",
                    default=False,
                    optional=True,
                    tooltip="Plays forwards and then backwards: the frames are appended in reverse, without the first "
                    "and the last.",
                ),
                io.Boolean.Input(
                    "save_output",
                    default=True,
                    optional=True,
                    label_on="save",
                    label_off="preview only",
                    tooltip="Preview only writes to ComfyUI's temporary folder, which is emptied at the next start.",
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
    def execute(
        cls,
        images,
        fps,
        format,
        filename_prefix,
        audio=None,
        model=None,
        quality="high",
        loop_count=0,
        ping_pong=False,
        save_output=True,
    ) -> io.NodeOutput:
        check_images(images)
        info = hg.ModelInfo() if model is None else higen_model(model).info
        values, shown = of_model({"fps": fps}, {"fps": info.fps})
        rate = frame_rate(values["fps"])
        order = frame_order(len(images), ping_pong)
        sound = sound_for(format, audio, len(order) / rate)
        clip = Clip(
            frames=with_progress(images, order),
            count=len(order),
            fps=rate,
            metadata=graph_metadata(cls),
            sound=sound,
            quality=QUALITIES[quality],
            plays=loop_count,
        )
        files = save(clip, format, filename_prefix, images.shape, "output" if save_output else "temp")
        ui = shown | notes_on(images, audio, format) | files
        if model is not None and cls.hidden.prompt:
            higen = higen_model(model)
            encoder = higen.encode_image if higen.image_tower else None
            ui |= measured_curves(images, higen.info, encoder, cls.hidden.prompt, cls.hidden.unique_id)
        give_back()
        return io.NodeOutput(FramesVideo(images, order, sound, rate), ui=ui)


def single_frame_note() -> dict[str, list]:
    """The ui entry and a line in the log that say that the video is a still image."""
    text = (
        "images has a single frame, so the video is a still picture. A bypassed HiGen Temporal Sampler passes on the "
        "prior alone"
    )
    logging.warning("HiGen Video Combine: %s", text)
    return note(text)


def check_images(images: torch.Tensor) -> None:
    """Raises ValueError unless the images are (f, h, w, 3 or 4) and finite."""
    if images.ndim != 4 or images.shape[-1] not in (3, 4) or 0 in images.shape:
        raise ValueError(f"images must be a batch (frames, height, width, 3 or 4), got {tuple(images.shape)}")
    broken = [i for i, frame in enumerate(images) if not torch.isfinite(frame).all()]
    if broken:
        raise ValueError(
            f"images: frame {broken[0]} of {len(images)} has NaN or infinite pixels ({len(broken)} such frames). "
            "The sampler or the VAE overflowed in half precision: set dtype to fp32 in HiGen Loader, or start ComfyUI "
            "with --fp32-vae."
        )


def frame_rate(fps: float) -> Fraction:
    """Frames per second as a fraction. Raises ValueError if it is out of range."""
    if not FPS_MIN <= fps <= FPS_MAX:
        raise ValueError(f"fps must be between {FPS_MIN:g} and {FPS_MAX:g}, got {fps:g}")
    return Fraction(fps).limit_denominator(1000)


def frame_order(count: int, ping_pong: bool) -> list[int]:
    """Indices of the frames that are shown; ping-pong goes back without repeating the first and the last frame."""
    return [*range(count), *(range(count - 2, 0, -1) if ping_pong else ())]


def sound_for(format: str, audio: Any, seconds: Fraction) -> Sound | None:
    """The sound of the file; None, with a line in the log, if the format has none.

    Raises:
        ValueError: the audio is not one sound.
    """
    sound = read_sound(audio, float(seconds))
    if sound is None or has_audio(format):
        return sound
    logging.warning("HiGen Video Combine: the video is saved without sound, since %s files have none", format)
    return None


def has_audio(format: str) -> bool:
    return format != PNG_FRAMES and FORMATS[format].has_audio


def notes_on(images: torch.Tensor, audio: Any, format: str) -> dict[str, list]:
    """The ui entry that says what the user may not expect of the video."""
    notes = [single_frame_note()] if len(images) == 1 else []
    if audio is not None and not has_audio(format):
        formats = ", ".join(name for name in FORMATS if has_audio(name))
        notes.append(note("Saved without sound: choose {formats} for a video with sound", formats=formats))
    return {"higen_notes": [entry for part in notes for entry in part["higen_notes"]]}


def with_progress(images: torch.Tensor, order: Sequence[int]) -> Callable[[], Iterator[np.ndarray]]:
    """The frames in an order as uint8 arrays, one at a time, with a progress bar; cancelling by the user ends them."""

    def frames() -> Iterator[np.ndarray]:
        bar = comfy.utils.ProgressBar(len(order))
        for i in order:
            comfy.model_management.throw_exception_if_processing_interrupted()
            yield to_uint8(images[i])
            bar.update(1)

    return frames


def graph_metadata(cls: type[io.ComfyNode]) -> dict[str, Any]:
    """`prompt` and `workflow`, as in every file that ComfyUI saves; empty with --disable-metadata."""
    if args.disable_metadata:
        return {}
    prompt = {"prompt": cls.hidden.prompt} if cls.hidden.prompt is not None else {}
    return prompt | (cls.hidden.extra_pnginfo or {})


def save(clip: Clip, format: str, filename_prefix: str, shape: torch.Size, folder: str) -> dict[str, list]:
    """Writes the file, or a png file for each frame, and returns the ui entry for the graph editor's preview."""
    height, width = shape[1:3]
    if format == PNG_FRAMES:
        place = destination(filename_prefix, width, height, f"_{clip.count - 1:04}.png", folder)
        return {"images": [{"filename": name, **place.location} for name in save_png_frames(clip, place)]}
    writer = FORMATS[format]
    place = destination(filename_prefix, width, height, f"_{writer.suffix}", folder)
    with unfinished(place) as hidden:
        path = hidden / f"_{writer.suffix}"
        writer.write(clip, path)
        (name,) = publish(place, [path])
    size = {"frames": clip.count, "width": width, "height": height}
    details = {"format": writer.mime, "fps": float(clip.fps), "audio": clip.sound is not None, **size}
    file = {"filename": name, **place.location}
    return {"higen_video": [file | details], listing_key(writer.mime): [file]}


def listing_key(mime: str) -> str:
    """The key under which clients of the API and the assets panel look for a saved file.

    Animations are "images" where ComfyUI lists the assets of a job; its page can keep them from being shown twice then.
    "gifs" is what other packs list videos under; no page of ComfyUI shows it on the node.
    """
    lists_assets = find_spec("comfy_execution.jobs") is not None
    return "images" if lists_assets and mime.startswith("image/") else "gifs"


def save_png_frames(clip: Clip, place: Destination) -> list[str]:
    """Writes a png file for each frame, with a number in common, and returns their names."""
    with unfinished(place) as hidden:
        paths = [hidden / f"_{i:04}.png" for i in range(clip.count)]
        for path, image in zip(paths, clip.frames(), strict=True):
            write_png(image, path, clip.metadata)
        return publish(place, paths)
