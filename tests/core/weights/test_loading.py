"""Loading networks from the tensor names and metadata of released files, of this version and of earlier ones."""

import json

import pytest
import torch

from higen_core import ModelInfo
from higen_core.models.config import CLIPConfig, SamplingConfig, UNetConfig, VAEConfig
from higen_core.weights.checkpoint import MINI_DIR, load_clip, load_unet, load_vae, read_info
from higen_core.weights.files import open_weights

from .. import golden
from .writing import write

LOADERS = {"unet": load_unet, "vae": load_vae, "clip": load_clip}


@pytest.mark.parametrize("network", LOADERS)
def test_released_and_current_tensor_names_give_the_same_network(tmp_path, network):
    """The golden weights have the released names."""
    loaded = LOADERS[network](golden.path(f"{network}_small_weights"))
    assert not any(tensor.is_meta for tensor in (*loaded.parameters(), *loaded.buffers()))
    tensors = dict(loaded.state_dict())
    path = write(tmp_path / "copy.safetensors", tensors, config=loaded.config.to_dict())
    copy = LOADERS[network](path).state_dict()
    assert copy.keys() == tensors.keys()
    assert all(torch.equal(copy[name], tensor) for name, tensor in tensors.items())


def test_tensor_names_and_metadata_of_earlier_versions_are_read(tmp_path):
    unet = load_unet(golden.path("unet_small_weights"))
    tensors = unet.state_dict()
    old = {name.replace("text_resampler.", "text_tokens."): tensor for name, tensor in tensors.items()}
    assert old.keys() != tensors.keys()
    metadata = {"config": unet.config.to_dict(), "noise_sharing": 300.0, "prior_frame": 0}
    loaded = load_unet(write(tmp_path / "old.safetensors", old, **metadata))
    assert loaded.info == ModelInfo(noise_correlation=300.0, extra={"prior_frame": 0})
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in loaded.state_dict().items())


def test_mini_is_stored_under_the_names_of_this_version():
    file, unet = open_weights(MINI_DIR / "denoiser.safetensors"), load_unet("mini")
    assert file.shapes.keys() == unet.state_dict().keys()
    beside_the_file = {"sampling", "prompts", "motion_response", "schedules"}
    assert file.metadata.keys() | beside_the_file == {*unet.info.to_metadata(), "config"}
    assert (unet.info.noise_correlation, unet.info.timestep_spacing) == (300.0, "trailing")


def test_mini_states_how_it_is_best_sampled():
    expected = SamplingConfig(12, "dpmpp_2m", prior_guidance=3.0, video_guidance=2.0, motion=500, appearance=0.0)
    assert read_info("mini").sampling == expected
    assert load_unet("mini").info == read_info("mini") == read_info(MINI_DIR / "denoiser.safetensors")


def test_the_autoencoder_of_a_whole_checkpoint_is_loaded(tmp_path, vae_tensors):
    checkpoint = {f"first_stage_model.{name}": value for name, value in vae_tensors.items()}
    checkpoint["model.diffusion_model.input_blocks.0.0.weight"] = torch.zeros(1)
    path = write(tmp_path / "sd.safetensors", checkpoint, config=golden.metadata("vae_small_weights")["config"])
    assert torch.equal(load_vae(path).post_quant_conv.weight, vae_tensors["post_quant_conv.weight"].float())


def test_an_incomplete_denoiser_is_refused_with_the_name_of_the_tensor(tmp_path):
    tensors = golden.cases("unet_small_weights")
    tensors["out.2.weight"] = tensors["out.2.weight"][:2]
    config = golden.metadata("unet_small_weights")["config"]
    with pytest.raises(ValueError, match=r"a HiGen denoiser; .* conv_out.weight is \(2, .*\), not \(4, "):
        load_unet(write(tmp_path / "cut.safetensors", tensors, config=config))
    del tensors["out.2.weight"]
    with pytest.raises(ValueError, match=r"a HiGen denoiser; .* missing conv_out.weight$"):
        load_unet(write(tmp_path / "missing.safetensors", tensors, config=config))


@pytest.mark.parametrize(("network", "config"), [("unet", UNetConfig), ("vae", VAEConfig), ("clip", CLIPConfig)])
def test_configs_of_released_files_are_read(network, config):
    config.from_dict(golden.metadata(f"{network}_small_weights")["config"])


@pytest.mark.parametrize("network", LOADERS)
def test_a_loaded_network_does_not_change_with_its_file(tmp_path, network):
    """Pages that were mapped from the file would be the new ones, or crash the process behind its new end."""
    expected = LOADERS[network](golden.path(f"{network}_small_weights"))
    tensors, config = dict(expected.state_dict()), expected.config.to_dict()
    path = write(tmp_path / "weights.safetensors", tensors, config=config)
    loaded = LOADERS[network](path)
    with path.open("r+b") as file:
        file.write(b"\xff" * path.stat().st_size)
        file.truncate(10)
    assert all(torch.equal(loaded.state_dict()[name], tensor) for name, tensor in tensors.items())


WRONG = [None, "8", 1.5, -1, 0, 10**6, 10**30, float("nan"), True, [], [1], [[1]], {}, {"a": 1}]


@pytest.mark.medium
@pytest.mark.parametrize("network", LOADERS)
def test_every_wrong_size_in_the_metadata_is_an_error_that_names_the_file(tmp_path, network):
    tensors, config = golden.cases(f"{network}_small_weights"), golden.metadata(f"{network}_small_weights")["config"]
    towers = [(key, inner) for key in config if isinstance(config[key], dict) for inner in config[key]]
    for *outer, key in [*((key,) for key in config), *towers]:
        for value in WRONG:
            changed = config | {key: value} if not outer else config | {outer[0]: config[outer[0]] | {key: value}}
            path = write(tmp_path / "wrong.safetensors", tensors, config=changed)
            if changed == config or key == "resolution":
                continue  # no change, or of something without effect
            with pytest.raises(ValueError, match=r"wrong\.safetensors"):
                LOADERS[network](path)


@pytest.mark.parametrize("name", [name for name in vars(ModelInfo()) if name != "extra"])
def test_every_wrong_value_in_the_metadata_is_an_error_or_harmless(tmp_path, name):
    tensors, config = golden.cases("vae_small_weights"), golden.metadata("vae_small_weights")["config"]
    for value in [*WRONG, 1e300, json.loads("[" * 400 + "]" * 400)]:
        path = write(tmp_path / "wrong.safetensors", tensors, config=config, **{name: value})
        try:
            info = load_vae(path).info
        except ValueError as error:
            assert f"{path}: " in str(error)
        else:
            assert getattr(info, name) is None or str(getattr(info, name)) not in ("nan", "inf", "1e+300")


@pytest.mark.parametrize("network", LOADERS)
@pytest.mark.parametrize("slot", LOADERS)
def test_a_network_in_the_slot_of_another_is_named(network, slot):
    file = {"unet": "denoiser", "vae": "vae", "clip": "clip"}[network]
    path = MINI_DIR / f"{file}.safetensors"
    if network == slot:
        return
    names = {"unet": "a HiGen denoiser", "vae": r"an autoencoder \(VAE\)", "clip": "an OpenCLIP model .*"}
    with pytest.raises(
        ValueError, match=rf"{file}\.safetensors is {names[network]}, not {names[slot]}: choose another"
    ):
        LOADERS[slot](path)
