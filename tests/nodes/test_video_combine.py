"""Video Combine: its files and their metadata, a VIDEO for stock nodes, and errors for invalid inputs."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import av
import comfy.model_management
import folder_paths
import pytest
import torch
from comfy.cli_args import args
from comfy_extras.nodes_video import GetVideoComponents, SaveVideo
from higen_pack.nodes.output.video_writer import FORMATS, PNG_FRAMES
from higen_pack.nodes.video_combine import HiGenVideoCombine
from PIL import Image

from ..comfyui.versions import AUTO_CODEC
from ..core.peak import LiveBytes

HIDDEN = SimpleNamespace(prompt={"1": {"class_type": "X"}}, extra_pnginfo={"workflow": {"nodes": []}})


def frames(count=8, height=64, width=64):
    """Gray frames, each of another brightness, with a white corner."""
    images = torch.linspace(0.2, 0.8, count)[:, None, None, None].repeat(1, height, width, 3)
    images[:, :8, :8] = 1
    return images


def sound(seconds=1.0, channels=2, batch=1, rate=44_100):
    return {"waveform": torch.rand(batch, channels, int(seconds * rate)) - 0.5, "sample_rate": rate}


@pytest.fixture
def combine(tmp_path, monkeypatch):
    """A function that runs the node, with output folder `tmp_path`, and returns VIDEO and ui."""
    monkeypatch.setattr(folder_paths, "output_directory", str(tmp_path))
    node = type("Node", (HiGenVideoCombine,), {"hidden": HIDDEN})

    def run(images, fps=8.0, format="h264-mp4", filename_prefix="HiGen/video", audio=None, **options):
        result = node.execute(images, fps, format, filename_prefix, audio, **options)
        return result[0], result.ui

    return run


def tags(path: Path) -> dict:
    with av.open(str(path)) as container:
        return {k.lower(): json.loads(v) for k, v in container.metadata.items() if k.lower() in ("prompt", "workflow")}


@pytest.mark.parametrize("format", FORMATS)
def test_the_ui_entry_describes_the_saved_file(combine, tmp_path, format):
    (entry,) = combine(frames(), format=format)[1]["higen_video"]
    saved = tmp_path / entry["subfolder"] / entry["filename"]
    assert saved.stat().st_size > 0
    assert (entry["type"], entry["fps"], entry["frames"], entry["width"], entry["height"]) == ("output", 8.0, 8, 64, 64)
    assert entry["audio"] is False
    assert [p.name for p in saved.parent.iterdir()] == [saved.name]


def test_a_single_frame_is_saved_with_a_word_on_the_node_and_in_the_log(combine, caplog):
    assert combine(frames(2))[1]["higen_notes"] == []
    (note,) = combine(frames(1))[1]["higen_notes"]
    assert note["text"].startswith("images has a single frame, so the video is a still picture. A bypassed HiGen Temp")
    assert note["text"] in caplog.text


@pytest.mark.parametrize("format", ["gif", "webp", PNG_FRAMES])
def test_a_format_without_sound_is_saved_with_a_word_on_the_node_and_in_the_log(combine, caplog, format):
    ui = combine(frames(2), format=format, audio=sound())[1]
    assert len(ui["images" if format == PNG_FRAMES else "higen_video"]) == (2 if format == PNG_FRAMES else 1)
    (note,) = ui["higen_notes"]
    assert note["text"] == "Saved without sound: choose {formats} for a video with sound"
    assert note["values"] == {"formats": "h264-mp4, vp9-webm"}
    assert f"{format} files have none" in caplog.text


def test_a_rate_of_zero_is_that_which_higen_is_made_for(combine):
    ui = combine(frames(), fps=0.0)[1]
    assert ui["higen_video"][0]["fps"] == 8
    assert ui["higen_defaults"] == [{"fps": 8}]


@pytest.mark.parametrize("format", FORMATS)
def test_the_file_is_listed_where_other_clients_look(combine, format):
    ui = combine(frames(2), format=format)[1]
    (listed,) = [items for key, items in ui.items() if key in ("images", "gifs")]
    assert listed == [{key: ui["higen_video"][0][key] for key in ("filename", "subfolder", "type")}]


def test_a_second_run_keeps_the_first_file(combine):
    names = [combine(frames())[1]["higen_video"][0]["filename"] for _ in range(2)]
    assert names == ["video_00001_.mp4", "video_00002_.mp4"]


def test_png_frames_of_a_run_have_a_common_number(combine, tmp_path):
    first, second = (combine(frames(3), format=PNG_FRAMES)[1]["images"] for _ in range(2))
    assert [image["filename"] for image in first] == [f"video_00001_{i:04}.png" for i in range(3)]
    assert [image["filename"] for image in second] == [f"video_00002_{i:04}.png" for i in range(3)]
    info = Image.open(tmp_path / "HiGen" / second[2]["filename"]).text
    assert json.loads(info["workflow"]) == HIDDEN.extra_pnginfo["workflow"]


@pytest.mark.parametrize("disabled", [False, True])
def test_disable_metadata_is_respected(combine, tmp_path, monkeypatch, disabled):
    monkeypatch.setattr(args, "disable_metadata", disabled)
    (entry,) = combine(frames(), audio=sound())[1]["higen_video"]
    assert entry["audio"] is True
    expected = {} if disabled else {"prompt": HIDDEN.prompt, **HIDDEN.extra_pnginfo}
    assert tags(tmp_path / "HiGen" / entry["filename"]) == expected


@pytest.mark.parametrize("size", [(64, 64), (63, 65)])
@pytest.mark.parametrize("audio", [None, sound()])
def test_save_video_accepts_the_video(combine, tmp_path, size, audio):
    video, _ = combine(frames(8, *size), audio=audio)
    saver = type("Saver", (SaveVideo,), {"hidden": HIDDEN})
    (saved,) = saver.execute(video, "stock/video", "auto", AUTO_CODEC).ui.as_dict()["images"]
    path = tmp_path / "stock" / saved["filename"]
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 8
        assert container.streams.video[0].average_rate == 8
        assert len(container.streams.audio) == (audio is not None)
    assert tags(path)["workflow"] == HIDDEN.extra_pnginfo["workflow"]


def test_get_video_components_returns_the_frames(combine):
    images = frames()
    names = [output.display_name for output in GetVideoComponents.define_schema().outputs]
    returned = dict(zip(names, GetVideoComponents.execute(combine(images)[0]).args, strict=True))
    torch.testing.assert_close(returned["images"], images)
    assert returned["fps"] == 8


def test_sound_longer_than_the_video_is_cut(combine, tmp_path):
    (entry,) = combine(frames(8), audio=sound(seconds=9))[1]["higen_video"]
    with av.open(str(tmp_path / "HiGen" / entry["filename"])) as container:
        assert container.duration / av.time_base == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": torch.zeros(64, 64, 3)}, r"images must be a batch .* got \(64, 64, 3\)"),
        ({"images": torch.zeros(4, 64, 64, 1)}, r"images must be a batch .* got \(4, 64, 64, 1\)"),
        ({"images": torch.zeros(0, 64, 64, 3)}, r"images must be a batch .* got \(0, 64, 64, 3\)"),
        ({"images": torch.full((4, 8, 8, 3), torch.nan)}, "images: frame 0 of 4 has NaN .*fp32"),
        ({"audio": sound(channels=9)}, r"audio must be one sound of 1 to 8 channels.* got waveform \(1, 9, 44100\)"),
        ({"audio": sound(batch=2)}, r"got waveform \(2, 2, 44100\)"),
        ({"audio": sound() | {"sample_rate": 0}}, "sample_rate of audio must be a positive number of Hz, got 0"),
        ({"audio": sound() | {"sample_rate": None}}, "sample_rate of audio must be a positive number of Hz, got None"),
        ({"audio": sound() | {"waveform": [0.5]}}, r"waveform of audio must be a tensor .* got list"),
        ({"audio": torch.zeros(1, 2, 8)}, "audio must be sound, with waveform and sample_rate, got Tensor"),
        ({"fps": -1.0}, "fps must be a number from 0.0 to 120.0, got -1"),
        ({"fps": 0.05}, "fps must be between 0.1 and 120, got 0.05"),
        ({"quality": "superb"}, "quality must be one of best, high, medium, low, got 'superb'"),
        ({"filename_prefix": "x" * 250}, "filename_prefix cannot be a path of files, got 'xxx.*File name too long"),
        ({"filename_prefix": "a\0b"}, "filename_prefix cannot be a path of files"),
    ],
)
def test_an_invalid_input_is_named_and_no_file_is_written(combine, tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        combine(**({"images": frames()} | arguments))
    assert list(tmp_path.rglob("*.*")) == []


def test_a_path_outside_the_output_folder_is_rejected(combine, tmp_path):
    with pytest.raises(Exception, match="outside the output folder"):
        combine(frames(), filename_prefix="../elsewhere")
    assert not (tmp_path.parent / "elsewhere_00001_.mp4").exists()


class SilentVideo(Mapping):
    """AUDIO of a video without sound, as nodes that load videos pass it: reading it fails."""

    def __getitem__(self, key):
        raise RuntimeError("the video has no audio stream")

    def __iter__(self):
        return iter(("waveform", "sample_rate"))

    def __len__(self):
        return 2


@pytest.mark.parametrize("format", ["h264-mp4", "gif"])
@pytest.mark.parametrize("audio", [SilentVideo(), sound(seconds=0)])
def test_a_sound_that_is_not_there_is_told_and_the_video_is_saved(combine, caplog, format, audio):
    video, ui = combine(frames(), format=format, audio=audio)
    assert "the video is saved without sound" in caplog.text
    assert ui["higen_video"][0]["filename"]
    assert video.get_components().audio is None


@pytest.mark.parametrize("channels", range(1, 9))
def test_sound_of_up_to_eight_channels_is_saved_as_mono_or_stereo(combine, tmp_path, caplog, channels):
    video, ui = combine(frames(), audio=sound(channels=channels))
    assert ("mixed down to stereo" in caplog.text) == (channels > 2)
    with av.open(str(tmp_path / "HiGen" / ui["higen_video"][0]["filename"])) as container:
        assert container.streams.audio[0].channels == min(channels, 2)
    assert video.get_components().audio["waveform"].shape[1] == min(channels, 2)


def test_sound_that_is_not_finite_or_of_integers_is_saved(combine):
    broken = sound()
    broken["waveform"][0, :, 100:200] = torch.nan
    broken["waveform"][0, :, 300] = torch.inf
    integers = {"waveform": torch.full((1, 2, 44_100), 16_384, dtype=torch.int16), "sample_rate": 44_100}
    assert combine(frames(), audio=broken)[0].get_components().audio["waveform"].abs().max() <= 1
    loudness = combine(frames(), audio=integers)[0].get_components().audio["waveform"][0, 0, 0]
    assert loudness == pytest.approx(0.5, abs=1e-3)


def test_a_shorter_sound_ends_before_the_video(combine, tmp_path):
    (entry,) = combine(frames(80), audio=sound(seconds=1))[1]["higen_video"]
    with av.open(str(tmp_path / "HiGen" / entry["filename"])) as container:
        assert container.duration / av.time_base == pytest.approx(10, abs=0.06)
        assert sum(1 for _ in container.decode(video=0)) == 80


@pytest.mark.parametrize("prefix", ["", "HiGen/", "a/b/", ".", "a/./", "x" * 244, "é" * 122])
@pytest.mark.parametrize("format", ["h264-mp4", "gif"])
def test_no_run_replaces_the_file_of_another(combine, tmp_path, prefix, format):
    names = [combine(frames(2), filename_prefix=prefix, format=format)[1]["higen_video"][0] for _ in range(3)]
    paths = [tmp_path / name["subfolder"] / name["filename"] for name in names]
    assert sorted(path for path in tmp_path.rglob("*.*")) == sorted(paths)
    assert len(set(paths)) == 3
    assert not any(path.name.startswith(".") for path in paths)


def test_a_link_in_the_output_folder_is_treated_as_by_save_video(combine, tmp_path, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (tmp_path / "linked").symlink_to(elsewhere, target_is_directory=True)
    saver = type("Saver", (SaveVideo,), {"hidden": HIDDEN})
    video, _ = combine(frames())

    def followed(save) -> bool:
        before = len(list(elsewhere.iterdir()))
        with suppress(Exception):
            save()
        return len(list(elsewhere.iterdir())) > before

    stock = followed(lambda: saver.execute(video, "linked/stock", "auto", AUTO_CODEC))
    assert followed(lambda: combine(frames(), filename_prefix="linked/ours")) == stock


@pytest.mark.parametrize("format", FORMATS)
def test_ping_pong_appends_the_frames_in_reverse(combine, format):
    images = frames(4)
    video, ui = combine(images, format=format, ping_pong=True)
    assert ui["higen_video"][0]["frames"] == 6
    torch.testing.assert_close(video.get_components().images, images[[0, 1, 2, 3, 2, 1]])


def test_a_preview_lies_in_the_temporary_folder(combine, tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "temp_directory", str(tmp_path / "temp"))
    (entry,) = combine(frames(), save_output=False)[1]["higen_video"]
    assert entry["type"] == "temp"
    assert [path.name for path in tmp_path.rglob("*.mp4")] == [entry["filename"]]
    assert (tmp_path / "temp" / "HiGen" / entry["filename"]).is_file()


@pytest.mark.parametrize("format", [*FORMATS, PNG_FRAMES])
def test_a_cancelled_run_leaves_no_file(combine, tmp_path, monkeypatch, format):
    calls = []

    def interrupted():
        calls.append(1)
        if len(calls) > 5:
            raise comfy.model_management.InterruptProcessingException

    monkeypatch.setattr(comfy.model_management, "throw_exception_if_processing_interrupted", interrupted)
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        combine(frames(), format=format)
    assert [path for path in tmp_path.rglob("*") if path.is_file() or ".part" in path.name] == []


def test_a_color_hidden_by_alpha_does_not_show(combine, tmp_path):
    images = torch.zeros(2, 32, 32, 4)
    images[..., 0] = 1
    images[:, :, 16:, 3] = 1
    video, ui = combine(images, format=PNG_FRAMES)
    torch.testing.assert_close(video.get_components().images, images[..., :3] * images[..., 3:])
    assert Image.open(tmp_path / "HiGen" / ui["images"][0]["filename"]).mode == "RGBA"


@pytest.mark.parametrize("size", [(64, 64), (63, 65)])
@pytest.mark.parametrize("format", [*FORMATS, PNG_FRAMES])
def test_the_frames_are_not_copied_as_a_whole(combine, format, size):
    images = frames(64, *size)
    with LiveBytes(torch.nn.ParameterList([images]).requires_grad_(False)) as live:
        combine(images, format=format)
    assert live.peak < 0.3 * images.nbytes
