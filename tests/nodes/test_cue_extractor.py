"""The Cue Extractor gives the same cues as the core, for images and videos; Cue Schedule blends them."""

import json
from fractions import Fraction
from types import SimpleNamespace

import comfy.clip_vision
import comfy.model_management
import folder_paths
import pytest
import torch
from comfy_api.latest import InputImpl, Types
from higen_pack import higen_core as hg
from higen_pack.higen_core.models.clip import CLIP
from higen_pack.nodes.cue_extractor import FROM_START, WHOLE, HiGenCueExtractor, WithAlpha
from higen_pack.nodes.cue_schedule import HiGenCueSchedule
from higen_pack.nodes.models.model import load_model

from ..comfyui.versions import needs
from ..core import videos
from ..core.dinov2 import random_dinov2
from ..core.peak import LiveBytes
from . import networks
from .cues.cropped_video import CroppedVideo

VIDEO = InputImpl.VideoFromComponents(
    Types.VideoComponents(images=torch.zeros(4, 8, 8, 3), audio=None, frame_rate=Fraction(8))
)
WIDGETS = {
    "images_fps": 8.0,
    "frames": 0,
    "span": FROM_START,
    "start": 0.0,
    "blur": 0.0,
    "cuts": "keep",
    "encoder": "auto",
    "similarity_floor": -1.0,
    "motion_scale": 0.0,
}
FLOOR = 0.3


@pytest.fixture(scope="module")
def tower(tmp_path_factory):
    return networks.random_file(tmp_path_factory.mktemp("clip") / "clip.safetensors", CLIP, networks.CLIP)


@pytest.fixture(scope="module")
def model(tmp_path_factory, tower):
    metadata = networks.METADATA | {"motion_scale": 20_000, "similarity_floor": FLOOR}
    path = tmp_path_factory.mktemp("unet") / "unet.safetensors"
    networks.random_file(path, hg.UNet, networks.UNET, **metadata)
    return load_model(str(path), "fp32", str(tower))


@pytest.fixture(scope="module")
def clip():
    """24 frames; a square that moves faster and faster."""
    return videos.square(torch.arange(24) ** 1.2)


def extract(model, **inputs):
    return HiGenCueExtractor.execute(model=model, **(WIDGETS | inputs))


def core_cues(model, tower, source, **options):
    return hg.extract_cues(source, hg.load_clip(tower), **(hg.cue_options(model.model.info) | options))


def check_same(cues, expected):
    assert torch.equal(cues.motion, expected.motion)
    torch.testing.assert_close(cues.appearance, expected.appearance)


def test_images_give_the_cues_of_the_core_and_a_plot(model, tower, clip):
    cues, plot = extract(model, images=clip).args
    check_same(cues, core_cues(model, tower, clip))
    assert cues.frames == 16
    assert plot.shape[0] == 1
    assert plot.shape[3] == 3


@pytest.mark.parametrize(
    ("inputs", "options"),
    [
        ({"images_fps": 16.0, "frames": 8}, {"source_fps": 16.0, "frames": 8}),
        ({"span": WHOLE}, {"whole": True}),
        ({"start": 0.5}, {"start": 0.5}),
        ({"blur": 1.0}, {"blur": 1.0}),
        ({"similarity_floor": 0.6}, {"floor": 0.6}),
        ({"similarity_floor": 0.0}, {"floor": 0.0}),
        ({"motion_scale": 5000.0}, {"scale": 5000}),
    ],
)
def test_every_input_reaches_the_core(model, tower, clip, inputs, options):
    changed = extract(model, images=clip, **inputs)[0]
    check_same(changed, core_cues(model, tower, clip, **options))


def test_cuts_are_reported_and_masked(model):
    clip = torch.cat([torch.stack([videos.textured(seed).roll(i, 1) for i in range(8)]) for seed in (1, 2)])
    kept, masked = (extract(model, images=clip, cuts=cuts) for cuts in ("keep", "mask"))
    assert "scene cuts at 1.00 s" in kept.ui["text"][0]
    assert masked[0].cuts == kept[0].cuts == (7,)
    assert masked[0].motion.equal(hg.extract_cues(clip, lambda p: p.mean((1, 2)), scale=20_000, mask_cuts=True).motion)


def test_motion_beyond_the_range_is_reported(model, clip):
    assert "15 of 15 steps are cut off at motion 1000" in extract(model, images=clip, motion_scale=1e6).ui["text"][0]
    assert "cut off" not in extract(model, images=clip).ui["text"][0]


def test_a_video_file_is_measured_without_being_loaded(model, tower, clip, tmp_path, monkeypatch):
    path = videos.write(tmp_path / "clip.mp4", clip)
    video = InputImpl.VideoFromFile(str(path))
    monkeypatch.setattr(video, "get_components", lambda: pytest.fail("the whole video was decoded"))
    check_same(extract(model, video=video)[0], core_cues(model, tower, path))


@pytest.mark.parametrize("inputs", [{"frames": 8}, {"span": WHOLE}, {"frames": 4, "start": 0.5}])
@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        pytest.param("as_trimmed", (0.5, 1.5), marks=needs(InputImpl.VideoFromFile, "as_trimmed")),
        pytest.param("as_trimmed", (1.0, 0.0), marks=needs(InputImpl.VideoFromFile, "as_trimmed")),
        pytest.param("as_trimmed", (-1.5, 1.25), marks=needs(InputImpl.VideoFromFile, "as_trimmed")),
        pytest.param("as_cropped", (16, 0, 32, 48), marks=needs(InputImpl.VideoFromFile, "as_cropped")),
    ],
)
def test_an_edited_video_is_measured_as_comfyui_reads_it(model, clip, tmp_path, method, arguments, inputs):
    whole = InputImpl.VideoFromFile(str(videos.write(tmp_path / "clip.mp4", clip, g="7")))
    video = getattr(whole, method)(*arguments)
    images = video.get_components().images
    assert images.shape != clip.shape
    cues, expected = (extract(model, **source, **inputs)[0] for source in ({"video": video}, {"images": images}))
    assert (cues.motion - expected.motion).abs().max() <= 2  # ComfyUI decodes to floats
    torch.testing.assert_close(cues.appearance, expected.appearance, atol=1e-3, rtol=0)


@pytest.mark.parametrize("video_type", [InputImpl.VideoFromFile, CroppedVideo])
@pytest.mark.parametrize("inputs", [{}, {"span": WHOLE}, {"frames": 8, "start": 0.5}])
def test_a_live_recording_is_measured_as_comfyui_reads_it(model, clip, tmp_path, inputs, video_type):
    """ComfyUI takes the ticks of its clock for its frame rate, so the rate of the images is stated here."""
    video = video_type(str(videos.write_live(tmp_path / "live.webm", clip)))
    components = video.get_components()
    assert (len(components.images), components.frame_rate) == (24, 1000)
    cues, expected = (
        extract(model, **source, **inputs)[0] for source in ({"video": video}, {"images": components.images})
    )
    assert (cues.motion - expected.motion).abs().max() <= 2  # newer versions than 0.3.75 decode to floats
    torch.testing.assert_close(cues.appearance, expected.appearance, atol=1e-3, rtol=0)


@pytest.mark.parametrize("channels", [3, 4])
def test_the_frames_are_not_copied_as_a_whole(model, channels):
    images = torch.rand(32, 256, 256, channels)
    with LiveBytes(torch.nn.ParameterList([images]).requires_grad_(False)) as live:
        extract(model, images=images, frames=32)
    assert live.peak < 0.3 * images.nbytes


def test_without_a_model_a_video_that_is_too_long_is_refused():
    long = torch.zeros(1, 8, 8, 3).expand(1100, -1, -1, -1)
    with pytest.raises(ValueError, match="frames is 0, as many as the video has, and that is more than 1024"):
        HiGenCueExtractor.execute(**(WIDGETS | {"images": long}))
    assert HiGenCueExtractor.execute(**(WIDGETS | {"images": long, "frames": 1024}))[0].frames == 1024


def test_a_video_that_other_nodes_made_is_measured(model, tower, clip):
    video = InputImpl.VideoFromComponents(Types.VideoComponents(images=clip, audio=None, frame_rate=16))
    check_same(extract(model, video=video, frames=8)[0], core_cues(model, tower, clip, source_fps=16, frames=8))


def test_clip_vision_replaces_the_image_tower(model, clip):
    shapes = []

    def encode_image(images):
        shapes.append(images.shape)
        return {"image_embeds": images.mean((1, 2))}

    cues = extract(model, images=clip, clip_vision=SimpleNamespace(encode_image=encode_image))[0]
    assert shapes == [(1, 64, 64, 3)] * 16
    assert not torch.equal(cues.appearance, extract(model, images=clip)[0].appearance)


def test_a_stock_clip_vision_model_is_accepted(model, clip, tmp_path):
    """A small network of random weights in ComfyUI's own class."""
    config = {
        **{"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "num_hidden_layers": 2},
        **{"patch_size": 14, "image_size": 28, "num_channels": 3, "hidden_act": "quick_gelu", "projection_dim": 16},
        **{"layer_norm_eps": 1e-5, "model_type": "clip_vision_model"},
    }
    (tmp_path / "vision.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    vision = comfy.clip_vision.ClipVisionModel(str(tmp_path / "vision.json"))
    for parameter in vision.model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    cues = extract(model, images=clip, clip_vision=vision, similarity_floor=0.0)[0]
    torch.testing.assert_close(cues.appearance.diagonal(), torch.ones(16))
    assert cues.appearance.min() < 0.9999


def test_without_a_model_motion_is_measured_in_units_of_the_released_weights(clip):
    result = extract(None, images=clip)
    expected = hg.extract_cues(clip, videos.mean_color, scale=hg.ModelInfo.motion_scale)
    assert result[0].frames == 24
    assert result[0].motion.equal(expected.motion)
    assert (result[0].appearance == 1).all()
    assert "appearance is not measured: connect clip_vision" in result.ui["text"][0]
    assert "motion in units of scale 10000, 8 frames per second" in result.ui["text"][0]
    assert extract(None, images=clip, frames=16, motion_scale=20_000.0)[0].motion.equal(2 * expected.motion[:15])


def test_without_a_model_clip_vision_measures_appearance(clip):
    vision = SimpleNamespace(encode_image=lambda images: {"image_embeds": videos.mean_color(images)})
    result = extract(None, images=clip, clip_vision=vision)
    check_same(result[0], hg.extract_cues(clip, videos.mean_color))
    assert "appearance similarity" in result.ui["text"][0]


def test_dinov2_in_the_model_folder_is_listed_and_used(model, clip, tmp_path, monkeypatch):
    random_dinov2(tmp_path / "dinov2-tiny")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model.safetensors").write_bytes(b"")
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "clip_vision", ([str(tmp_path)], {".safetensors"}))
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    (encoder,) = (entry for entry in HiGenCueExtractor.define_schema().inputs if entry.id == "encoder")
    assert encoder.options == ["auto", "dinov2-tiny"]
    cues = extract(model, images=clip, encoder="dinov2-tiny", similarity_floor=0.0)[0]
    expected = hg.extract_cues(clip, hg.load_dinov2(tmp_path / "dinov2-tiny"), frames=16)
    torch.testing.assert_close(cues.appearance, expected.appearance)
    assert cues.appearance.min() < 0.9999


def test_the_user_can_cancel(model, clip):
    comfy.model_management.interrupt_current_processing()
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        extract(model, images=clip)
    assert extract(model, images=clip)[0].frames == 16


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "connect either images or video, got neither"),
        ({"images": torch.zeros(4, 8, 8, 3), "video": VIDEO}, "got both"),
        ({"images": torch.zeros(4, 8, 8, 3)}, "16 frames at 8 fps from 0 s on are needed, but it has only 4"),
        ({"images": torch.zeros(24, 8, 8, 3), "frames": 1}, "frames must be at least 2, got 1"),
        ({"images": torch.full((24, 8, 8, 3), torch.nan)}, "frame 0 has NaN"),
    ],
)
def test_an_invalid_video_is_an_error(model, inputs, message):
    with pytest.raises(ValueError, match=message):
        extract(model, **inputs)


def test_a_schedule_blends_extracted_cues_by_strength(model, clip):
    extracted = extract(model, images=clip)[0]
    schedule = type("Node", (HiGenCueSchedule,), {"hidden": SimpleNamespace(unique_id="1")})

    def blended(**inputs):
        return schedule.make_cues(12, 200, 0.5, **inputs)[0]

    drawn = hg.Cues.constant(12, 200, 0.5)

    replaced = blended(motion_from=extracted, appearance_from=extracted)
    assert replaced.frames == 12
    check_same(replaced, hg.resample_cues(extracted, 12))
    check_same(blended(motion_from=extracted, motion_strength=0.0), drawn)
    only_motion = blended(motion_from=extracted)
    assert torch.equal(only_motion.motion, replaced.motion)
    assert torch.equal(only_motion.appearance, drawn.appearance)


@needs(Types.VideoComponents, "alpha")
def test_the_alpha_of_a_video_is_read_as_black_like_that_of_images(model, clip):
    images, alpha = half_transparent(clip)
    components = Types.VideoComponents(images=clip, alpha=alpha, audio=None, frame_rate=Fraction(8))
    video = type("AlphaVideo", (InputImpl.VideoFromComponents,), {"get_components": lambda self: components})(
        components
    )
    check_same(extract(model, video=video)[0], extract(model, images=images)[0])


def test_images_and_alpha_are_read_as_images_of_four_channels(clip):
    images, alpha = half_transparent(clip)
    assert torch.stack(list(WithAlpha(clip, alpha))).equal(images)


def half_transparent(clip):
    """The clip with an alpha channel that hides its right half, and that alpha (f, h, w)."""
    alpha = torch.zeros(clip.shape[:3])
    alpha[:, :, :32] = 1
    return torch.cat([clip, alpha[..., None]], dim=-1), alpha
