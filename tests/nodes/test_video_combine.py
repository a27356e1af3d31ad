"""Video Combine: its files and their metadata, a VIDEO for stock nodes, and errors for invalid inputs."""

import json
from pathlib import Path
from types import SimpleNamespace

import av
import folder_paths
import pytest
import torch
from comfy.cli_args import args
from comfy_extras.nodes_video import GetVideoComponents, SaveVideo
from higen_pack.nodes.output.video_writer import FORMATS, PNG_FRAMES
from higen_pack.nodes.video_combine import HiGenVideoCombine
from PIL import Image

from ..comfyui.versions import AUTO_CODEC

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

    def run(images, fps=8.0, format="h264-mp4", filename_prefix="HiGen/video", audio=None):
        result = node.execute(images, fps, format, filename_prefix, audio)
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
    assert [p.name for p in saved.parent.iterdir()] == [saved.name]


def test_a_single_frame_is_saved_with_a_word_on_the_node_and_in_the_log(combine, caplog):
    assert combine(frames(2))[1]["higen_notes"] == []
    (note,) = combine(frames(1))[1]["higen_notes"]
    assert note["text"].startswith("images has a single frame, so the video is a still picture. A bypassed HiGen Temp")
    assert note["text"] in caplog.text


def test_a_rate_of_zero_is_that_which_higen_is_made_for(combine):
    ui = combine(frames(), fps=0.0)[1]
    assert ui["higen_video"][0]["fps"] == 8
    assert ui["higen_defaults"] == [{"fps": 8}]


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
        ({"format": "gif", "audio": sound()}, "format 'gif' cannot contain audio: choose h264-mp4, vp9-webm"),
        ({"format": PNG_FRAMES, "audio": sound()}, "format 'png frames' cannot contain audio"),
        ({"audio": sound(channels=6)}, r"audio must be one mono or stereo sound .* got waveform \(1, 6, 44100\)"),
        ({"audio": sound(batch=2)}, r"got waveform \(2, 2, 44100\)"),
        ({"audio": sound(seconds=0)}, r"got waveform \(1, 2, 0\)"),
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
