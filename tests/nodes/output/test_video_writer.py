"""Video files: frames, duration, audio and the graph in every format."""

import json
import os
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from av.video.reformatter import Colorspace
from higen_pack.nodes.output import animations, clip, video_writer
from higen_pack.nodes.output.sound import Sound
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


def tone(seconds, rate=44_100, channels=2) -> Sound:
    """440 Hz."""
    samples = torch.sin(2 * torch.pi * 440 * torch.arange(int(rate * seconds)) / rate) * 0.5
    return Sound(samples.expand(channels, -1), rate)


def make_clip(images, fps=8, metadata=GRAPH, sound=False, **options) -> clip.Clip:
    heard = tone(len(images) / fps) if sound else None
    return clip.Clip(lambda: iter(images), len(images), Fraction(fps), metadata, heard, **options)


def write(name: str, content: clip.Clip, folder) -> os.PathLike:
    path = folder / f"clip{video_writer.FORMATS[name].suffix}"
    video_writer.FORMATS[name].write(content, path)
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
    padded = clip.pad_even(image)
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


def test_a_png_file_is_exact_and_contains_its_graph(tmp_path):
    (image,) = moving_square(1, 33, 31)
    animations.write_png(image, tmp_path / "frame.png", GRAPH)
    saved = Image.open(tmp_path / "frame.png")
    assert (np.asarray(saved) == image).all()
    assert {key: json.loads(value) for key, value in saved.text.items()} == GRAPH


def durations(path) -> list[float]:
    """Milliseconds of the frames of an animation, where players see a new one."""
    image = Image.open(path)
    shown = []
    for i in range(image.n_frames):
        image.seek(i)
        image.load()
        shown.append(image.info["duration"])
    return shown


@pytest.mark.parametrize("fps", [50, 60, 75, 120])
def test_a_gif_has_no_delay_that_browsers_lengthen(fps, tmp_path):
    images = [np.full((16, 16, 3), i, np.uint8) for i in range(0, 240, 2)]
    shown = durations(write("gif", make_clip(images, fps=fps), tmp_path))
    assert min(shown) >= 20
    assert sum(shown) == pytest.approx(len(images) / fps * 1000, abs=10)


def test_a_gif_of_one_frame_at_a_high_rate_can_be_written(tmp_path):
    assert len(read_frames(write("gif", make_clip(moving_square(1), fps=120), tmp_path))) == 1


def test_a_gif_is_dithered_with_one_palette_for_all_frames(tmp_path):
    """A gradient of 4,096 colors, brighter in each frame: the means of its parts stay, but at the ends of the range."""
    red, green = np.meshgrid(np.arange(64), np.arange(64))
    images = [
        np.stack([red * 2 + i, green * 2 + i, np.full_like(red, 60)], 2).astype(np.uint8) for i in range(0, 96, 6)
    ]
    path = write("gif", make_clip(images), tmp_path)
    for image, frame in zip(images, read_frames(path), strict=True):
        means = [block.reshape(8, 8, 8, 8, 3).mean(axis=(1, 3)) for block in (image.astype(float), frame.astype(float))]
        assert np.abs(means[0] - means[1])[1:-1, 1:-1].max() < 1.5
    assert len(np.unique(np.concatenate(read_frames(path)).reshape(-1, 3), axis=0)) <= 256


@pytest.mark.parametrize(("plays", "gif", "webp"), [(0, 0, 0), (1, None, 1), (3, 2, 3)])
def test_animations_play_as_often_as_asked(plays, gif, webp, tmp_path):
    """A GIF counts repetitions, and has no field for none; a WebP counts how often it plays."""
    content = make_clip(moving_square(4), plays=plays)
    assert Image.open(write("gif", content, tmp_path)).info.get("loop") == gif
    assert Image.open(write("webp", content, tmp_path)).info["loop"] == webp


@pytest.mark.parametrize("name", ["h264-mp4", "vp9-webm", "webp"])
def test_a_lower_quality_has_a_smaller_file(name, tmp_path):
    noise = list(np.random.default_rng(0).integers(0, 255, (8, 64, 64, 3), np.uint8))
    sizes = [
        write(name, make_clip(noise, quality=quality), tmp_path).stat().st_size for quality in clip.QUALITIES.values()
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)


def half_transparent() -> np.ndarray:
    """Red; the left half transparent, the right half opaque."""
    image = np.zeros((64, 64, 4), np.uint8)
    image[..., 0] = 255
    image[:, 32:, 3] = 255
    return image


@pytest.mark.parametrize("name", ["h264-mp4", "gif"])
def test_transparent_parts_are_black_where_a_format_has_no_alpha(name, tmp_path):
    frame = read_frames(write(name, make_clip([half_transparent()] * 2), tmp_path))[0].astype(int)
    assert frame[:, :28].max() < 12
    assert np.abs(frame[:, 36:] - (255, 0, 0)).max() < 12


@pytest.mark.parametrize("count", [1, 2, 8])
def test_webp_png_and_webm_keep_alpha(count, tmp_path):
    content = make_clip([half_transparent()] * count)
    alphas = [np.asarray(Image.open(write("webp", content, tmp_path)).convert("RGBA"))[..., 3]]
    animations.write_png(half_transparent(), tmp_path / "frame.png", {})
    alphas.append(np.asarray(Image.open(tmp_path / "frame.png"))[..., 3])
    with av.open(str(write("vp9-webm", content, tmp_path))) as container:
        decoder = av.CodecContext.create("libvpx-vp9", "r")  # FFmpeg's own decoder ignores alpha
        packets = [packet for packet in container.demux(video=0) if packet.size]
        alphas.append(decoder.decode(packets[0])[0].to_ndarray(format="rgba")[..., 3])
    for alpha in alphas:
        assert alpha[:, :28].max() < 12
        assert alpha[:, 36:].min() > 243


@pytest.mark.parametrize("name", ["h264-mp4", "vp9-webm"])
@pytest.mark.parametrize("rate", [8_000, 22_050, 40_000, 50_000, 96_000, 176_400, 192_000])
def test_sound_of_any_rate_is_saved_at_its_length_and_pitch(name, rate, tmp_path):
    content = clip.Clip(lambda: iter(moving_square(16)), 16, Fraction(8), {}, tone(2, rate))
    with av.open(str(write(name, content, tmp_path))) as container:
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
        heard = container.streams.audio[0].rate
    assert len(samples) / heard == pytest.approx(2, abs=0.06)
    middle = samples[len(samples) // 4 : len(samples) // 2]
    assert np.count_nonzero(np.diff(np.signbit(middle))) / 2 / (len(middle) / heard) == pytest.approx(440, rel=0.02)


@pytest.mark.medium
@pytest.mark.parametrize("name", ["h264-mp4", "vp9-webm"])
@pytest.mark.parametrize("fps", [1, 8, 30])
def test_sound_lies_within_a_second_of_its_images(name, fps, tmp_path):
    images = moving_square(8) * (4 * fps)
    content = clip.Clip(lambda: iter(images), len(images), Fraction(fps), {}, tone(len(images) / fps))
    seen = {"video": 0.0, "audio": 0.0}
    with av.open(str(write(name, content, tmp_path))) as container:
        packets = sorted((packet for packet in container.demux() if packet.size), key=lambda packet: packet.pos)
        for packet in packets:
            seen[packet.stream.type] = float(packet.dts * packet.time_base)
            assert abs(seen["video"] - seen["audio"]) <= 1 + 2 / fps


def test_numbers_that_json_does_not_have_become_null(tmp_path):
    animations.write_png(moving_square(1)[0], tmp_path / "frame.png", {"prompt": {"1": [float("nan"), {"a": 1e999}]}})
    text = Image.open(tmp_path / "frame.png").text["prompt"]
    assert json.loads(text, parse_constant=pytest.fail) == {"1": [None, {"a": None}]}
