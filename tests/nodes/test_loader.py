"""HiGen Loader with files of the released layout, and both stages with the networks that it loads."""

import folder_paths
import pytest
import torch
from higen_pack import higen_core as hg
from higen_pack.higen_core.weights import files
from higen_pack.nodes.loader import HiGenLoader
from higen_pack.nodes.models import folders
from higen_pack.nodes.models.image_encoders import has_image_tower
from higen_pack.nodes.samplers import HiGenSpatialPriorSampler, HiGenTemporalSampler

from nodes import CLIPTextEncode, VAEDecode

from ..comfyui import released_files

SIZES = released_files.NARROW
SAMPLING = {"seed": 1, "steps": 1, "cfg": 12.0, "sampler": "ddim"}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """Model, CLIP and VAE of narrow networks, from files in ComfyUI's model folders."""
    models = tmp_path_factory.mktemp("models")
    released_files.write(SIZES, models)
    with pytest.MonkeyPatch.context() as monkeypatch:
        for folder in {*folders.DENOISER_FOLDERS, *folders.TEXT_FOLDERS, *folders.VAE_FOLDERS}:
            entry = ([str(models / folder)], folder_paths.supported_pt_extensions)
            monkeypatch.setitem(folder_paths.folder_names_and_paths, folder, entry)
        monkeypatch.setattr(folder_paths, "filename_list_cache", {})
        yield HiGenLoader.execute(*SIZES.names, "bf16").args


def test_a_text_encoder_alone_has_no_image_tower(loaded, tmp_path):
    """The text encoder of Stable Diffusion 2 is such a file; the cues' appearance then needs Load CLIP Vision."""
    assert loaded[0].model.image_tower
    towers = folder_paths.get_full_path("text_encoders", SIZES.names[1])
    file = files.open_weights(towers)
    torch.save(
        dict(file.tensors(name for name in file.shapes if not name.startswith("visual."))), tmp_path / "text.bin"
    )
    assert has_image_tower(towers)
    assert not has_image_tower(str(tmp_path / "text.bin"))


def test_the_model_has_the_requested_precision(loaded):
    model, _, _ = loaded
    assert {parameter.dtype for parameter in model.model.parameters()} == {torch.bfloat16}
    assert model.model.diffusion_model.config.to_dict() == SIZES.unet.to_dict()


@pytest.mark.parametrize("frames", [8, *(pytest.param(n, marks=pytest.mark.medium) for n in (24, 32))])
def test_text_to_video_with_any_number_of_frames_up_to_32(loaded, frames):
    model, clip, vae = loaded
    prompts = [CLIPTextEncode().encode(clip, text)[0] for text in ("a panda", "")]
    prior = HiGenSpatialPriorSampler.execute(model, *prompts, 128, 64, **SAMPLING)[0]
    cues = hg.Cues.constant(frames)
    video = HiGenTemporalSampler.execute(model, *prompts, prior, cues=cues, **SAMPLING)[0]
    assert video["samples"].shape == (frames, 4, 8, 16)
    assert video["samples"].isfinite().all()
    first = {"samples": video["samples"][:1]}
    assert VAEDecode().decode(vae, first)[0].shape == (1, 64, 128, 3)


def test_windows_longer_than_the_training_clips_are_an_error_that_says_what_to_do(loaded):
    model, clip, _ = loaded
    prompts = [CLIPTextEncode().encode(clip, text)[0] for text in ("a panda", "")]
    prior = {"samples": torch.zeros(1, 4, 8, 16)}
    with pytest.raises(ValueError, match="context_length is 33, but this model was trained on 32 frames: lower it"):
        HiGenTemporalSampler.execute(model, *prompts, prior, cues=hg.Cues.constant(33), **SAMPLING, context_length=33)
