"""Video files: frames, duration, audio and the graph in every format."""

import json
import os
from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.reformatter import Colorspace
from higen_pack.nodes.output import video_writer
from PIL import Image

GRAPH = {
    "prompt": {"1": {"class_type": "CLIPTextEncode", "inputs": {"text": 'a "red" {car} – 車 \\ %'}}},
    "workflow": {"nodes": [{"id": 1, "widgets_values": ["ü" * 50_000]}], "version": 0.4},
}
SILENT = [(name, False) for name in video_writer.FORMATS]
WITH_SOUND = [(name, True) for name, format in video_writer.FORMATS.items() if format.has_audio]


def moving_square(frames: int = 16, height: int = 64, width: int = 64) -> list[np.ndarray]:
    """A red square that moves 2 pixels a frame to the right over gray."""
    images = []
    for i in range(frames):
        image = np.full((height, width, 3), 128, np.uint8)
        image[4:16, 2 * i : 2 * i + 16] = (220, 30, 40)
        images.append(image)
    return images


def make_clip(images, fps=8, metadata=GRAPH, sound=False) -> video_writer.Clip:
    rate = 44_100
    samples = np.sin(2 * np.pi * 440 * np.arange(rate * len(images) // fps) / rate)
    waveform = np.stack([samples, samples]).astype(np.float32) * 0.5 if sound else None
    return video_writer.Clip(lambda: iter(images), Fraction(fps), metadata, waveform, rate)


def write(name: str, clip: video_writer.Clip, folder) -> os.PathLike:
    path = folder / f"clip{video_writer.FORMATS[name].suffix}"
    with video_writer.complete_file(path) as partial:
        video_writer.FORMATS[name].write(clip, partial)
    return path


def read_frames(path) -> list[np.ndarray]:
    if path.suffix in (".gif", ".webp"):
        image = Image.open(path)
        frames = []
        for i in range(image.n_frames):
            image.seek(i)
            frames.append(np.asarray(image.convert("RGB")))
        return frames
    with av.open(str(path)) as container:
        return [to_rgb(frame) for frame in container.decode(video=0)]


def to_rgb(frame: av.VideoFrame) -> np.ndarray:
    """The colors of a player that reads the tags; PyAV before 15 takes every video for BT.601."""
    return frame.reformat(
        format="rgb24", src_colorspace=Colorspace.ITU709, dst_colorspace=Colorspace.ITU601
    ).to_ndarray()


def read_graph(path) -> dict:
    if path.suffix == ".gif":
        return json.loads(Image.open(path).info["comment"])
    if path.suffix == ".webp":
        pairs = [value.split(":", 1) for value in Image.open(path).getexif().values()]
    else:
        with av.open(str(path)) as container:
            pairs = list(container.metadata.items())
    return {key.lower(): json.loads(value) for key, value in pairs if key.lower() in GRAPH}


@pytest.mark.parametrize(("name", "sound"), SILENT + WITH_SOUND)
def test_a_file_contains_its_graph(name, sound, tmp_path):
    assert read_graph(write(name, make_clip(moving_square(), sound=sound), tmp_path)) == GRAPH


@pytest.mark.parametrize(("name", "sound"), SILENT + WITH_SOUND)
def test_a_file_without_metadata_contains_no_graph(name, sound, tmp_path):
    path = write(name, make_clip(moving_square(), metadata={}, sound=sound), tmp_path)
    assert b"workflow" not in path.read_bytes().lower()


@pytest.mark.parametrize(("name", "sound"), SILENT + WITH_SOUND)
@pytest.mark.parametrize("size", [(64, 64), (63, 65), (17, 48), (256, 448)])
def test_the_frames_of_a_file_are_close_to_the_original(name, sound, size, tmp_path):
    images = moving_square(16, *size)
    frames = read_frames(write(name, make_clip(images, sound=sound), tmp_path))
    assert len(frames) == 16
    height, width = size
    if name in ("h264-mp4", "vp9-webm"):
        assert frames[0].shape == (height + height % 2, width + width % 2, 3)
    else:
        assert frames[0].shape == (height, width, 3)
    for image, frame in zip(images, frames, strict=True):
        error = np.abs(frame[:height, :width].astype(int) - image)
        assert error.mean() < 4


@pytest.mark.parametrize("name", ["h264-mp4", "vp9-webm"])
@pytest.mark.parametrize("color", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (90, 160, 200)])
def test_colors_are_accurate_and_tagged_as_bt709(name, color, tmp_path):
    images = [np.full((64, 64, 3), color, np.uint8)] * 4
    path = write(name, make_clip(images), tmp_path)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    assert (frame.colorspace, frame.color_range) == (1, 1)
    assert np.abs(to_rgb(frame).astype(int) - color).max() <= 4


def test_odd_sizes_are_padded_with_the_last_row_and_column():
    image = np.arange(3 * 5 * 3, dtype=np.uint8).reshape(3, 5, 3)
    padded = video_writer.pad_even(image)
    assert padded.shape == (4, 6, 3)
    assert (padded[:3, :5] == image).all()
    assert (padded[3, :5] == image[2]).all()
    assert (padded[:3, 5] == image[:, 4]).all()


@pytest.mark.parametrize("name", video_writer.FORMATS)
@pytest.mark.parametrize("fps", [Fraction(8), Fraction(7), Fraction(24000, 1001)])
def test_the_duration_is_that_of_the_frames(name, fps, tmp_path):
    path = write(name, make_clip(moving_square(), fps=fps), tmp_path)
    if path.suffix in (".gif", ".webp"):
        image = Image.open(path)
        seconds = 0
        for i in range(image.n_frames):
            image.seek(i)
            image.load()
            seconds += image.info["duration"] / 1000
    else:
        with av.open(str(path)) as container:
            seconds = container.duration / av.time_base
    assert seconds == pytest.approx(16 / fps, abs=0.011)


@pytest.mark.parametrize("name", ["h264-mp4", "vp9-webm"])
def test_the_audio_is_as_long_as_the_video(name, tmp_path):
    path = write(name, make_clip(moving_square(), sound=True), tmp_path)
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        assert stream.layout.name == "stereo"
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
        assert len(samples) / stream.rate == pytest.approx(2.0, abs=0.05)
    middle = samples[len(samples) // 4 : len(samples) // 2]
    crossings = np.count_nonzero(np.diff(np.signbit(middle))) / 2 / (len(middle) / stream.rate)
    assert crossings == pytest.approx(440, rel=0.02)


@pytest.mark.parametrize("name", ["h264-mp4", "vp9-webm"])
def test_the_graph_is_where_the_editor_reads_it(name, tmp_path):
    """The editor reads the first 2 MB only, so the tags must come before the frames."""
    content = write(name, make_clip(moving_square(), sound=True), tmp_path).read_bytes()
    start_of_frames = b"mdat" if name == "h264-mp4" else b"\x1f\x43\xb6\x75"  # WebM: the first cluster
    assert 0 < content.lower().index(b"workflow") < content.index(start_of_frames)


@pytest.mark.parametrize("name", video_writer.FORMATS)
def test_cancelling_leaves_no_file(name, tmp_path):
    def frames():
        yield from moving_square(3)
        raise InterruptedError("cancelled")

    clip = video_writer.Clip(frames, Fraction(8), GRAPH)
    with pytest.raises(InterruptedError):
        write(name, clip, tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_failed_write_keeps_the_existing_file(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), video_writer.complete_file(path) as partial:
        partial.write_bytes(b"half")
        assert path.read_bytes() == b"old"
        1 / 0  # noqa: B018
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["clip.mp4"]


def test_a_png_file_is_exact_and_contains_its_graph(tmp_path):
    (image,) = moving_square(1, 33, 31)
    video_writer.write_png(image, tmp_path / "frame.png", GRAPH)
    saved = Image.open(tmp_path / "frame.png")
    assert (np.asarray(saved) == image).all()
    assert {key: json.loads(value) for key, value in saved.text.items()} == GRAPH
