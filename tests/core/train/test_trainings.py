"""The three trainings: shipped files run, runs resume to the same losses, and fine-tuning starts from any weights."""

import json
import random
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from higen_core import load_clip, load_unet, load_vae
from higen_core.checkpoint import MINI_DIR, save_network
from higen_core.released import released_name
from higen_core.train import clip, denoiser, vae
from higen_core.train.config import CLIPTraining, DenoiserTraining, VAETraining
from higen_core.train.options import CONFIGS, read_config
from higen_core.train.pictures import SpritePictures
from higen_core.train.vae import FrameBatches, leftovers_of
from higen_core.unet import UNet

from . import tiny
from .logged import scalars
from .test_video_clips import film

FEW = {"log_every": 1, "warmup": 100}


def run(training, kind, file: Path | None, **flags) -> Path:
    config = read_config(kind, file, flags)
    training.main(config)
    return config.folder


@pytest.fixture
def videos(tmp_path) -> Path:
    for i, name in enumerate(("a", "b", "c")):
        film(tmp_path / "videos" / f"{name}.mp4", frames=20, seed=i)
    return tmp_path / "videos"


def metadata(path: Path) -> dict:
    with safe_open(path, "pt") as file:
        return {name: json.loads(value) for name, value in file.metadata().items()}


def check_only_the_decoder_changed(path: Path) -> None:
    tuned, mini = load_vae(path), load_vae("mini")
    pictures = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        latents = mini.encode(pictures)
        assert torch.equal(tuned.encode(pictures), latents)
        assert not torch.equal(tuned.decode(latents), mini.decode(latents))


def test_the_shipped_file_of_the_autoencoder(tmp_path):
    folder = run(vae, VAETraining, CONFIGS / "mini_vae.toml", out=tmp_path, steps=2, sample_every=2, **FEW)
    assert sorted(scalars(folder, "loss/pixel")) == [1, 2]
    latents = load_vae(tmp_path / "vae.safetensors").encode(torch.zeros(1, 3, 64, 64))
    assert latents.shape == (1, 4, 8, 8)
    assert (folder / "samples" / "0000002.png").is_file()


def test_the_shipped_file_of_the_decoder_leaves_latents_as_they_are(tmp_path):
    few = {"steps": 2, "scenes": 4, "leftovers": 4}  # the second is as a denoiser leaves it
    run(vae, VAETraining, CONFIGS / "mini_decoder.toml", out=tmp_path, **few, **FEW | {"warmup": 0})
    check_only_the_decoder_changed(tmp_path / "vae.safetensors")


def test_the_shipped_file_of_the_towers(tmp_path):
    folder = run(clip, CLIPTraining, CONFIGS / "mini_clip.toml", out=tmp_path, steps=2, **FEW)
    assert sorted(scalars(folder, "loss/contrast")) == [1, 2]
    assert load_clip(tmp_path / "clip.safetensors").encode_text(["a cat"]).shape == (1, 77, 64)


def test_the_shipped_file_of_the_denoiser(tmp_path):
    (tmp_path / "vae.safetensors").symlink_to(MINI_DIR / "vae.safetensors")
    (tmp_path / "clip.safetensors").symlink_to(MINI_DIR / "clip.safetensors")
    few = {"steps": 2, "picture_steps": 1, "shard_frames": 64, "sample_every": 2, "sample_steps": 2, "twins": 1}
    folder = run(denoiser, DenoiserTraining, CONFIGS / "mini_denoiser.toml", out=tmp_path, **few, **FEW)
    assert list(scalars(folder, "loss/picture")) == [1, 2]
    assert list(scalars(folder, "loss/video")) == list(scalars(folder, "loss/twins")) == [2]
    assert (folder / "samples" / "0000002.png").is_file()
    info, mini = metadata(tmp_path / "denoiser.safetensors"), metadata(MINI_DIR / "denoiser.safetensors")
    assert set(info) == set(mini)
    assert info["config"] == mini["config"]


def test_the_shipped_file_of_fine_tuning_goes_on_from_mini(tmp_path, videos):
    few = {"steps": 1, "shard_frames": 64, "sample_every": 1, "sample_steps": 1, "windows": 1, "lr": 0.0}
    folder = run(denoiser, DenoiserTraining, CONFIGS / "finetune.toml", out=tmp_path, data=str(videos), **few, **FEW)
    assert 0 < scalars(folder, "loss/video")[1] < 1.5
    tuned, mini = load_unet(tmp_path / "denoiser.safetensors"), load_unet("mini")
    assert all(torch.equal(weight, mini.state_dict()[name]) for name, weight in tuned.state_dict().items())
    for name in ("frames", "fps", "width", "height", "motion_scale", "similarity_floor", "vocabulary"):
        assert tuned.info[name] == mini.info[name]


def test_the_shipped_file_of_the_baseline_keeps_the_pictures_of_mini_alone(tmp_path, videos):
    few = {"steps": 1, "shard_frames": 64, "lr": 0.0, "vae": "mini", "clip": "mini", "twins": 0}
    file = CONFIGS / "mini_baseline.toml"
    run(denoiser, DenoiserTraining, file, out=tmp_path, data=str(videos), **few, **FEW)
    plain, mini = (load_unet(source).state_dict() for source in (tmp_path / "denoiser.safetensors", "mini"))
    spatial, temporal = "middle.0.in_conv.weight", "middle.0.temporal.convs.3.weight"
    assert torch.equal(plain[spatial], mini[spatial])
    assert mini[temporal].any()
    assert not plain[temporal].any()


def small(tmp_path, videos, **flags):
    """Flags of a training of a tiny network on the videos."""
    tiny.networks(tmp_path)
    knobs = {"out": tmp_path, "data": str(videos), "precision": "no", "pictures": 2, "videos": 1, "picture_steps": 0}
    return knobs | {"shard_frames": 64} | FEW | flags


def test_what_the_config_says_of_the_clips_is_stored_with_the_weights(tmp_path, videos):
    init = tiny.denoiser(tmp_path / "init.safetensors", frames=16, fps=8, width=64, height=64, motion_scale=40_000)
    flags = small(tmp_path, videos, init=str(init), frames=4, fps=4.0, width=32, height=32, steps=1)
    run(denoiser, DenoiserTraining, None, **flags)
    info = load_unet(tmp_path / "denoiser.safetensors").info
    expected = {"frames": 4, "fps": 4.0, "width": 32, "height": 32, "motion_scale": 40_000, "similarity_floor": 0.0}
    assert {name: info[name] for name in expected} == expected
    assert (info["prior_frame"], info["steps"]) == (0, 1)


@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_weights_of_the_released_layout_are_gone_on_from(tmp_path, videos, kind, monkeypatch):
    """Narrow ones; without a config in their metadata the loader takes them for the released network."""
    torch.manual_seed(2)
    narrow = UNet(tiny.unet_config())
    for weight in narrow.parameters():
        torch.nn.init.normal_(weight, std=0.02)
    tensors = {released_name(name): tensor for name, tensor in narrow.state_dict().items()}
    monkeypatch.setattr("higen_core.checkpoint.RELEASED", tiny.unet_config())
    path = tmp_path / f"higen.{kind}"
    save_file(tensors, path) if kind == "safetensors" else torch.save({"state_dict": tensors}, path)
    before = path.read_bytes()
    size = {"width": 32, "height": 32, "frames": 4}
    flags = small(tmp_path, videos, init=str(path), steps=3, lr=1e-2, **size)
    folder = run(denoiser, DenoiserTraining, None, **flags)
    assert len(scalars(folder, "loss/video")) == 3
    tuned = load_unet(tmp_path / "denoiser.safetensors")
    distance = max((a - b).abs().max().item() for a, b in zip(tuned.parameters(), narrow.parameters(), strict=True))
    assert 1e-5 < distance < 0.1
    assert (tuned.info["fps"], tuned.info["motion_scale"]) == (8, 10_000)
    assert path.read_bytes() == before


def test_sizes_that_nobody_says_are_asked_for(tmp_path, videos):
    flags = small(tmp_path, videos, network=tiny.UNET, steps=1, frames=4, fps=8.0, width=32)
    with pytest.raises(ValueError, match="height is needed: neither the config nor the weights in init say it"):
        run(denoiser, DenoiserTraining, None, **flags)


def test_sizes_of_sprites_cannot_be_set(tmp_path, videos):
    with pytest.raises(ValueError, match="frames cannot be set for sprites"):
        run(denoiser, DenoiserTraining, None, **small(tmp_path, "sprites", network=tiny.UNET, steps=1, frames=4))


@pytest.mark.parametrize("name", ["vae", "clip", "denoiser"])
def test_a_resumed_training_has_the_losses_of_an_unbroken_one(tmp_path, name, videos):
    """Weights that start at random, noise, data and averages: all of it comes back."""
    training, kind, loss, flags = {
        "vae": (vae, VAETraining, "pixel", {"network": tiny.VAE_SIZES, "scenes": 4}),
        "clip": (clip, CLIPTraining, "contrast", {"network": tiny.CLIP_SIZES, "pairs": 4}),
        "denoiser": (denoiser, DenoiserTraining, "video", small(tmp_path, videos, network=tiny.UNET)),
    }[name]
    if name == "denoiser":
        flags |= {"frames": 4, "fps": 8.0, "width": 32, "height": 32}
    flags |= {"precision": "no"} | FEW
    whole = run(training, kind, None, **flags | {"out": tiny.networks(tmp_path / "whole"), "steps": 6})
    parts = run(training, kind, None, **flags | {"out": tiny.networks(tmp_path / "parts"), "steps": 3})
    run(training, kind, None, **flags | {"out": tmp_path / "parts", "steps": 6})
    curves = [scalars(folder, f"loss/{loss}") for folder in (whole, parts)]
    assert len(curves[0]) == 6
    assert curves[0] == curves[1]


FRAMES = {"frames": 4, "fps": 4.0, "width": 32, "height": 32, "shard_frames": 8, "precision": "no"}


def test_the_autoencoder_is_trained_on_videos(tmp_path, videos):
    network, size = tiny.VAE_SIZES, FRAMES | {"height": 48}
    folder = run(vae, VAETraining, None, out=tmp_path, data=str(videos), network=network, steps=4, **size, **FEW)
    assert len(scalars(folder, "loss/pixel")) == 4
    latents = load_vae(tmp_path / "vae.safetensors").encode(torch.zeros(1, 3, 64, 64))
    assert latents.shape == (1, 4, 8, 8)


def test_a_trained_decoder_reads_the_latents_that_there_are(tmp_path, videos):
    flags = {"data": str(videos), "init": "mini", "parts": "decoder", "steps": 2, "lr": 1e-3} | FRAMES
    run(vae, VAETraining, None, out=tmp_path, **flags, **FEW | {"warmup": 0})
    check_only_the_decoder_changed(tmp_path / "vae.safetensors")


def test_a_decoder_meets_latents_with_more_and_less_noise_left(tmp_path):
    config = VAETraining(out=tmp_path, init="mini", parts="decoder", latent_noise=0.2, scenes=16)
    _, noise, left = FrameBatches(SpritePictures(), load_vae("mini"), config)(0, 0)
    spread = left.std(dim=(1, 2, 3))
    assert len(left) == 16 and spread.max() < 0.25 and spread.min() < 0.1 < spread.max()
    assert abs(torch.corrcoef(torch.stack([noise.flatten(), left.flatten()]))[0, 1]) < 0.1


def test_what_a_denoiser_leaves_lies_where_there_is_something_to_see(tmp_path):
    config = VAETraining(out=tmp_path, init="mini", parts="decoder", denoiser="mini", clip="mini", leftovers=4)
    clips = leftovers_of(config, load_vae("mini"))
    frames, left = zip(*(clips.cut(random.Random(seed), 4) for seed in range(4)), strict=True)
    seen = (torch.cat(frames) - torch.cat(frames)[:, :1, :1]).abs().mean(-1) > 0.1
    full = torch.nn.functional.avg_pool2d(seen.float()[:, None], 8)
    error = torch.cat(left).square().mean(1, keepdim=True)
    assert 0.01 < error.mean().sqrt() < 0.5
    assert error[full > 0.5].mean() > 3 * error[full == 0].mean()


def test_the_towers_are_trained_on_videos(tmp_path, videos):
    size = FRAMES | {"width": 64, "height": 64, "pairs": 3}
    flags = {"data": str(videos), "network": tiny.CLIP_SIZES, "steps": 2} | size
    folder = run(clip, CLIPTraining, None, out=tmp_path, **flags, **FEW)
    assert len(scalars(folder, "loss/retelling")) == len(scalars(folder, "loss/foretelling")) == 2
    words = metadata(tmp_path / "clip.safetensors")["vocabulary"]
    assert set(words) == {word for text in videos.glob("*.txt") for word in text.read_text().split()}


def test_pictures_that_the_networks_cannot_take_are_refused(tmp_path, videos):
    with pytest.raises(ValueError, match="multiples of 16, got 40x32"):
        run(vae, VAETraining, None, out=tmp_path, data=str(videos), steps=1, **FRAMES | {"width": 40})
    with pytest.raises(ValueError, match="sees 64x64 pixels, got width 32 and height 32"):
        run(clip, CLIPTraining, None, out=tmp_path, data=str(videos), steps=1, **FRAMES)
    with pytest.raises(ValueError, match="twins has to be 0 for videos"):
        run(denoiser, DenoiserTraining, None, **small(tmp_path, videos, twins=1, steps=1, **FRAMES))
    with pytest.raises(ValueError, match="twin_kinds may be ways, .* got 'sizes'"):
        DenoiserTraining(out=tmp_path, twin_kinds=("ways", "sizes"))
    with pytest.raises(ValueError, match="twin_kinds is empty"):
        DenoiserTraining(out=tmp_path, twin_kinds=())
    with pytest.raises(ValueError, match="parts = decoder needs init"):
        VAETraining(out=tmp_path, parts="decoder")
    with pytest.raises(ValueError, match="latent_noise = 0.1 needs parts = decoder"):
        VAETraining(out=tmp_path, latent_noise=0.1)
    with pytest.raises(ValueError, match="denoiser = mini needs parts = decoder and data = sprites"):
        VAETraining(out=tmp_path, denoiser="mini")
    save_network(tmp_path / "unknown.safetensors", load_unet("mini"), torch.float16)
    flags = {"init": "mini", "parts": "decoder", "denoiser": str(tmp_path / "unknown.safetensors"), "clip": "mini"}
    with pytest.raises(ValueError, match="unknown.safetensors was not trained on sprites"):
        run(vae, VAETraining, None, out=tmp_path, steps=1, **flags)
