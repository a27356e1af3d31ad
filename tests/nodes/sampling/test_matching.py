"""HiGen Temporal Sampler samples again until the measured motion is the one asked for, at most `match` times."""

import comfy.model_management
import comfy.utils
import pytest
import torch
from higen_pack import higen_core as hg
from higen_pack.higen_core.diffusion.matching import DRAFTS
from higen_pack.higen_core.models.schedules import FittedStep
from higen_pack.nodes.models.model import load_model
from higen_pack.nodes.samplers import HiGenTemporalSampler
from higen_pack.nodes.sampling.acceleration import accelerated
from higen_pack.nodes.sampling.settings import MODEL_CHOICE

from .. import networks

STEPS = 2
CUES = hg.Cues.constant(6, 300, 0.0)
PRIOR = {"samples": torch.randn(1, 4, 4, 4, generator=torch.Generator().manual_seed(5))}


class Decoder:
    """A VAE whose frames move by what the latents do, and by more in the attempt `shaken`."""

    def __init__(self, shaken=-1):
        self.decoded, self.shaken = [], shaken

    def encode(self, images):
        raise NotImplementedError

    def decode(self, samples):
        self.decoded.append(samples)
        frames = 0.5 + 0.01 * samples.movedim(1, -1)[..., :3]
        if len(self.decoded) - 1 == self.shaken:
            frames = frames + 0.05 * (torch.arange(len(frames)) % 2)[:, None, None, None]
        return frames


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "unet.safetensors"
    networks.random_file(path, hg.UNet, networks.UNET, **(networks.METADATA | {"noise_correlation": 300.0}))
    return load_model(str(path), "fp32")


def sample(model, **changed):
    text = torch.randn(1, 77, networks.TEXT_WIDTH, generator=torch.Generator().manual_seed(1))
    prompts = {"positive": [[text, {}]], "negative": [[0 * text, {}]]}
    options = {"seed": 3, "steps": STEPS, "cfg": 2.0, "sampler": "ddim", "cues": CUES, "prior": PRIOR} | prompts
    return HiGenTemporalSampler.execute(model, **(options | changed))


def test_no_rounds_are_one_sampling_without_decoding(model):
    vae = Decoder()
    assert sample(model, vae=vae)[0]["samples"].equal(sample(model)[0]["samples"])
    assert vae.decoded == []


def test_rounds_sample_again_and_the_best_is_the_result(model):
    vae = Decoder(shaken=2)
    result = sample(model, match=2, vae=vae)
    assert len(vae.decoded) == 3
    assert vae.decoded[0].equal(sample(model)[0]["samples"])
    scale = model.model.info.motion_scale
    motions = [
        hg.measure_motion(Decoder(0 if i == 2 else -1).decode(video), scale) for i, video in enumerate(vae.decoded)
    ]
    misses = [float((motion - 300).abs().double().mean()) for motion in motions]
    best = min(range(3), key=misses.__getitem__)
    assert result[0]["samples"].equal(vae.decoded[best])
    (note,) = result.ui["higen_notes"]
    assert note["values"] == {"count": 3, "miss": round(misses[best]), "first": round(misses[0])}


def test_one_progress_bar_covers_all_rounds(model, monkeypatch):
    """Later versions of ComfyUI leave out steps that follow each other closely, but not the first and last ones."""
    progress = []
    monkeypatch.setattr(
        comfy.utils, "PROGRESS_BAR_HOOK", lambda value, total, *_, **__: progress.append((value, total))
    )
    sample(model, match=1, vae=Decoder())
    values, totals = zip(*progress, strict=True)
    assert set(totals) == {2 * STEPS}
    assert (values[0], values[-1]) == (1, 2 * STEPS)
    assert list(values) == sorted(set(values))


def test_drafts_of_a_third_of_the_steps_come_before_the_video(model, monkeypatch):
    progress, vae = [], Decoder()
    monkeypatch.setattr(
        comfy.utils, "PROGRESS_BAR_HOOK", lambda value, total, *_, **__: progress.append((value, total))
    )
    result = sample(model, match=1, vae=vae, steps=12)
    values, totals = zip(*progress, strict=True)
    assert set(totals) == {DRAFTS * 4 + 12}
    assert (values[0], values[-1]) == (1, totals[0])
    assert list(values) == sorted(set(values))
    assert len(vae.decoded) == DRAFTS + 1
    assert vae.decoded[0].equal(sample(model, steps=4)[0]["samples"])
    assert result[0]["samples"].equal(vae.decoded[-1])
    scale = model.model.info.motion_scale
    first, last = (
        float((hg.measure_motion(Decoder().decode(video), scale) - 300).abs().double().mean())
        for video in (vae.decoded[0], vae.decoded[-1])
    )
    (note,) = result.ui["higen_notes"]
    assert note["values"] == {"drafts": DRAFTS, "count": 1, "miss": round(last), "first": round(first)}


def test_motion_is_measured_where_the_cues_hold(model):
    mask = torch.zeros(1, 4, 4)
    mask[..., :2] = 1
    vae = Decoder()
    result = sample(model, match=1, vae=vae, cues=CUES.masked(mask, outside=hg.Cues.constant(6, 600, 0.0)))
    scale, frames = model.model.info.motion_scale, Decoder().decode(vae.decoded[0])
    inside, whole = (
        round(float((hg.measure_motion(part, scale) - 300).abs().double().mean()))
        for part in (frames[..., :2, :], frames)
    )
    (note,) = result.ui["higen_notes"]
    assert note["values"]["first"] == inside != whole


def test_videos_of_a_fitted_schedule_are_not_drafted_and_are_sampled_once_more(model):
    steps = tuple(FittedStep(999 - 80 * i, 0.5, (0.5,), evaluated=("text",), text=(1.0,)) for i in range(12))
    vae, schedule = Decoder(), hg.FittedSchedule(steps, 2.0, 1.0)
    sample(accelerated(model, hg.Acceleration(schedule)), match=1, vae=vae, steps=0, sampler=MODEL_CHOICE)
    assert len(vae.decoded) == 2


def test_the_user_can_cancel_between_rounds(model):
    class Cancels(Decoder):
        def decode(self, samples):
            comfy.model_management.interrupt_current_processing()
            return super().decode(samples)

    for steps in (STEPS, 12):  # without drafts, and with
        vae = Cancels()
        with pytest.raises(comfy.model_management.InterruptProcessingException):
            sample(model, match=5, vae=vae, steps=steps)
        assert len(vae.decoded) == 1


def test_matching_without_a_vae_is_an_error_before_the_prior_is_sampled(model):
    with pytest.raises(ValueError, match="match is 3, but no vae is connected"):
        HiGenTemporalSampler.check_lazy_status(model, match=3, cues=CUES)
    with pytest.raises(ValueError, match="match is 3, but no vae is connected"):
        sample(model, match=3)
    assert HiGenTemporalSampler.check_lazy_status(model, match=3, cues=CUES, vae=Decoder()) == ["prior"]
