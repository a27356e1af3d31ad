"""Long videos and loops: the easy sampler and ComfyUI's own give those of the core; wrong windows are errors."""

import pytest
import torch
from comfy.context_windows import IndexListContextHandler, get_matching_context_schedule, get_matching_fuse_method
from comfy_extras.nodes_context_windows import ContextWindowsManualNode
from higen_pack import higen_core as hg
from higen_pack.nodes.models.model import load_model
from higen_pack.nodes.samplers import HiGenTemporalSampler
from higen_pack.nodes.sampling.windows import check_windows
from higen_pack.nodes.stock_sampling import HiGenApplyCues, HiGenVideoNoise

from nodes import KSampler

from .. import networks

STEPS, CFG, SEED = 3, 7.5, 11
MANUAL = {"context_length": 16, "context_overlap": 8, "context_stride": 1, "fuse_method": "pyramid", "dim": 0}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    options = networks.METADATA | {"noise_correlation": 300.0, "appearance_guidance": 3.0}
    return networks.random_file(folder / "unet.safetensors", hg.UNet, networks.UNET, **options)


@pytest.fixture(scope="module")
def model(path):
    return load_model(str(path), "fp32")


@pytest.fixture(scope="module")
def unet(path):
    return hg.load_unet(path)


def states(seed):
    return torch.randn(1, 77, networks.TEXT_WIDTH, generator=torch.Generator().manual_seed(seed))


PROMPTS = {"positive": [[states(1), {}]], "negative": [[states(2), {}]]}
PRIOR = {"samples": 5 * torch.randn(1, 4, 4, 8, generator=torch.Generator().manual_seed(5))}


def cues_of(frames):
    return hg.Cues(torch.arange(frames - 1) * 20, hg.Cues.constant(frames, appearance=0.8).appearance)


def easy(model, cues, sampler="ddim", **options):
    arguments = {**PROMPTS, "prior": PRIOR, "cues": cues, "seed": SEED, "steps": STEPS, "cfg": CFG, "sampler": sampler}
    return HiGenTemporalSampler.execute(model, **arguments, **options)[0]["samples"]


def stock(model, cues, scheduler="simple"):
    positive, negative, latent = HiGenApplyCues.execute(*PROMPTS.values(), PRIOR, cues)
    arguments = (model, SEED, STEPS, CFG, "euler", scheduler, positive, negative, latent)
    return KSampler().sample(*arguments)[0]["samples"]


def core(unet, cues, **options):
    noise, offset_noise = hg.draw_video_noise(SEED, (1, 4, cues.frames, 4, 8))
    inputs = {"prior": PRIOR["samples"] * hg.LATENT_SCALE, "cues": cues, "noise": noise, "offset_noise": offset_noise}
    options = {"steps": STEPS, "guidance": CFG, "sampler": "ddim"} | options
    video = hg.sample_video(unet, states(1), states(2), **inputs, **options)
    return video[0].transpose(0, 1) / hg.LATENT_SCALE


def manual(model, **options):
    """The MODEL with ComfyUI's node for context windows."""
    options = MANUAL | {"context_schedule": "standard_static", "closed_loop": False} | options
    if "freenoise" in [entry.id for entry in ContextWindowsManualNode.define_schema().inputs]:
        options.setdefault("freenoise", False)
    return ContextWindowsManualNode.execute(model, **options)[0]


@pytest.mark.parametrize(
    ("frames", "options"),
    [
        (24, {}),
        (20, {"context_length": 8, "context_overlap": 2}),
        (24, {"loop": True}),
        (6, {"loop": True}),
    ],
)
@pytest.mark.parametrize("sampler", ["ddim", "dpmpp_2m"])
def test_the_easy_sampler_gives_the_video_of_the_core(model, unet, frames, options, sampler):
    cues = cues_of(frames)
    expected = core(unet, cues, sampler=sampler, **options)
    torch.testing.assert_close(easy(model, cues, sampler, **options), expected, atol=2e-3, rtol=2e-3)
    assert "context_handler" not in model.model_options


def test_windows_of_comfyui_are_those_of_the_core_where_both_cut_alike(model):
    """Of 24 frames both make two windows; pyramid is the blending of the core."""
    cues = cues_of(24)
    torch.testing.assert_close(easy(manual(model), cues), easy(model, cues), atol=1e-3, rtol=1e-3)


def test_a_closed_loop_of_comfyui_has_the_noise_and_the_cues_of_a_loop(model, monkeypatch):
    """Turned by the distance of its windows, the noise gives the turned video: no frame is the first."""
    looped = manual(model, context_schedule="looped_uniform", closed_loop=True, context_length=8, context_overlap=4)
    cues = hg.Cues.constant(16, 300, 1.0)
    latent = {"samples": torch.zeros(16, 4, 4, 8)}
    noise = HiGenVideoNoise.execute(looped, SEED, cues)[0].generate_noise(latent)
    assert (noise[0] - noise[-1]).abs().mean() < 0.9 * (noise[0] - noise[8]).abs().mean()
    video = stock(looped, cues)
    white = hg.draw_video_noise(SEED, (1, 4, 16, 4, 8))
    monkeypatch.setattr(hg.diffusion.noise, "draw_video_noise", lambda *_: tuple(part.roll(4, 2) for part in white))
    torch.testing.assert_close(stock(looped, cues), video.roll(4, 0), atol=1e-3, rtol=1e-3)


def test_stock_samplers_still_need_windows(model):
    with pytest.raises(ValueError, match="cues are for 17 frames, this model was trained on 16: lower frames in HiGen"):
        stock(model, hg.Cues.constant(17))


def handler(length=16, schedule="standard_static", fuse="pyramid", **options):
    schedule, fuse = get_matching_context_schedule(schedule), get_matching_fuse_method(fuse)
    return IndexListContextHandler(schedule, fuse, length, 4, **options)


def test_windows_are_held_against_the_length_of_training(model):
    check_windows(16, model.model, handler(32))
    check_windows(40, model.model, handler(16))
    with pytest.raises(ValueError, match="context_length is 17, this model was trained on 16 frames"):
        check_windows(40, model.model, handler(17))


def test_windows_along_another_dimension_are_an_error(model):
    with pytest.raises(ValueError, match="context windows must be along dim 0, the frames, for HiGen, got dim 2"):
        check_windows(40, model.model, handler(dim=2))


@pytest.mark.parametrize("name", ["latent_retain_index_list", "cond_retain_index_list"])
def test_frames_that_stay_in_every_window_are_refused_by_name(model, name):
    windows = handler()
    if not hasattr(windows, name):
        pytest.skip("this ComfyUI has no such option")
    with pytest.raises(
        ValueError, match=f"{name} of the context windows is 0,2, but HiGen's windows all see the prior"
    ):
        check_windows(40, model.model, handler(**{name: "0, 2"}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"context_length": 8}, "context_length is 8, but model has windows of its own"),
        ({"context_overlap": 2}, "context_overlap is 2, but model has windows of its own"),
        ({"loop": True}, "loop is on, but the windows that model has from Context Windows .Manual. are no loop"),
    ],
)
def test_options_beside_the_windows_of_the_model_are_an_error(model, options, message):
    with pytest.raises(ValueError, match=message):
        easy(manual(model), cues_of(24), **options)


def test_a_closed_loop_of_one_window_is_an_error(model):
    looped = manual(model, context_schedule="looped_uniform", closed_loop=True)
    with pytest.raises(ValueError, match="closed_loop has no effect on 16 frames with context_length 16: lower"):
        easy(looped, cues_of(16))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"context_length": 17}, "context_length is 17, but this model was trained on 16 frames: lower it"),
        ({"context_overlap": 16}, "context_overlap must be 0 to 15 for windows of 16 frames, got 16"),
    ],
)
def test_windows_that_the_model_cannot_have_are_an_error(model, options, message):
    with pytest.raises(ValueError, match=message):
        easy(model, cues_of(24), **options)
