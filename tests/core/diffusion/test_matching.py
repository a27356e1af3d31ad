"""Matching corrects the motion that is asked for until the motion that is measured is the one drawn."""

import pytest
import torch

from higen_core import Cues, draft_steps, match_motion
from higen_core.cues.curves import appearance_matrix
from higen_core.diffusion.matching import DRAFTS, Response, corrected, miss_of_motion

RISE = torch.linspace(50, 600, 15).round().long()


def cues(motion: torch.Tensor) -> Cues:
    return Cues(motion, appearance_matrix(torch.zeros(len(motion) + 1)))


class Renderer:
    """Stands for sampling and measuring: each step moves by its own share of what is asked, and never beyond `limit`.

    A share `beside` comes from either step beside it.
    """

    def __init__(self, gains: torch.Tensor, jump: int = -1, beside: float = 0.0):
        self.gains, self.jump, self.beside, self.limit, self.asked = gains, jump, beside, 800, []

    def __call__(self, asked: Cues) -> tuple[int, torch.Tensor]:
        self.asked.append(asked.motion)
        steps = asked.motion.double()
        mixed = (1 - 2 * self.beside) * steps + self.beside * (steps.roll(1) + steps.roll(-1))
        motion = (self.gains * mixed).round().clamp(0, self.limit).long()
        return len(self.asked) - 1, (motion + 500 * (len(self.asked) - 1 == self.jump)).clamp(max=1000)

    def draft(self, asked: Cues) -> torch.Tensor:
        return self(asked)[1]


@pytest.mark.parametrize("beside", [0.0, 0.25])
def test_three_rounds_undo_gains_of_every_step(beside):
    render = Renderer(torch.linspace(0.5, 1.8, 15), beside=beside)
    found = match_motion(render, cues(RISE), 3)
    assert found.misses[0] == found.first_miss > 80
    assert found.miss < 10
    assert found.motion.shape == (15,)


def test_a_response_that_is_steeper_than_in_proportion_converges():
    """Nothing moves below 250, and then three times as much as is asked for more."""

    def render(asked: Cues) -> tuple[None, torch.Tensor]:
        return None, (3.0 * (asked.motion - 250)).clamp(50, 1000).round().long()

    found = match_motion(render, cues(torch.full((15,), 300)), 3)
    assert found.misses[0] == 150
    assert found.miss < 15


def test_no_rounds_sample_once_what_was_asked_for():
    render = Renderer(torch.ones(15) / 2)
    found = match_motion(render, cues(RISE), 0)
    assert [asked.tolist() for asked in render.asked] == [RISE.tolist()]
    assert (found.video, len(found.misses)) == (0, 1)


def test_an_exact_video_ends_the_rounds():
    assert match_motion(Renderer(torch.ones(15)), cues(RISE), 9).misses == (0.0,)


def test_the_best_video_is_kept_and_the_next_correction_starts_from_it():
    render = Renderer(torch.full((15,), 0.7), jump=1)
    found = match_motion(render, cues(RISE), 1)
    assert found.video == 0
    assert found.miss == found.misses[0] < found.misses[1]
    assert found.cues.motion.equal(RISE)
    render = Renderer(torch.full((15,), 0.7), jump=1)
    assert match_motion(render, cues(RISE), 2).video == 2
    assert render.asked[0].sum() < render.asked[2].sum() < render.asked[1].sum()


def test_a_step_that_moved_too_much_for_its_neighbors_does_not_make_cues_zigzag():
    """What is right on average and smooth is left smooth: neighbors share the correction of a single step."""
    flat = torch.full((15,), 300.0).double()
    bump = flat.clone()
    bump[7] += 60
    change = corrected([Response(flat, bump)], flat) - flat
    assert change[7] == change.min() < -15
    assert (change[[6, 8]] < 0).all()


@pytest.mark.parametrize("beside", [0.0, 0.25])
def test_drafts_correct_the_cues_before_a_video_is_sampled(beside):
    video = Renderer(torch.linspace(0.5, 1.8, 15), beside=beside)
    drafts = Renderer(0.9 * video.gains, beside=beside)
    found = match_motion(video, cues(RISE), 2, draft=drafts.draft)
    assert (len(drafts.asked), len(video.asked)) == (2 * DRAFTS, 2)
    assert [len(found.draft_misses), len(found.misses)] == [2 * DRAFTS, 2]
    assert found.first_miss == found.draft_misses[0] > 80
    assert found.misses[0] < 40
    assert found.miss == found.misses[1] < 10, "what videos show more than their drafts is learned from the first one"


def test_a_draft_that_is_exact_is_sampled_at_once():
    video, drafts = Renderer(torch.ones(15)), Renderer(torch.ones(15))
    assert match_motion(video, cues(RISE), 3, draft=drafts.draft).misses == (0.0,)
    assert (len(drafts.asked), len(video.asked)) == (1, 1)


@pytest.mark.parametrize("share", [0.6, 0.8, 1.3])
def test_drafts_that_move_less_or_more_than_their_videos_mislead_the_first_round_only(share):
    video, drafts = Renderer(torch.ones(15)), Renderer(share * torch.ones(15))
    found = match_motion(video, cues(torch.full((15,), 300)), 2, draft=drafts.draft)
    assert found.misses[0] > 50
    assert found.miss == found.misses[1] < 12


def test_rounds_end_where_no_draft_promises_more_than_the_best_video():
    """Nothing moves by more than 400."""
    video, drafts = (Renderer(torch.ones(15)) for _ in range(2))
    video.limit = drafts.limit = 400
    found = match_motion(video, cues(torch.full((15,), 500)), 6, draft=drafts.draft)
    assert found.misses == (100.0,)


@pytest.mark.parametrize("drafted", [True, False])
def test_motion_beyond_reach_counts_as_the_most_that_can_be_asked_for(drafted):
    """The network moves no more for 800 than for 653: taken as no response, that would end the corrections."""
    video, drafts = (Renderer(torch.full((15,), 1.3)) for _ in range(2))
    found = match_motion(video, cues(torch.full((15,), 800)), 3, (21, 653), drafts.draft if drafted else None)
    assert found.miss < 3
    assert len({tuple(asked.tolist()) for asked in video.asked}) == len(video.asked)


def test_motion_of_eight_bits_does_not_overflow():
    found = match_motion(Renderer(torch.ones(15) / 2), cues(torch.full((15,), 200, dtype=torch.uint8)), 3)
    assert found.miss < 8
    assert found.cues.motion.max() > 255


def test_without_rounds_there_are_no_drafts():
    video, drafts = Renderer(torch.ones(15) / 2), Renderer(torch.ones(15) / 2)
    assert match_motion(video, cues(RISE), 0, draft=drafts.draft).draft_misses == ()
    assert drafts.asked == []


def test_a_draft_has_a_third_of_the_steps_and_four_at_least():
    assert {steps: draft_steps(steps) for steps in (1, 4, 10, 11, 12, 25, 50)} == {
        1: 0,
        4: 0,
        10: 0,
        11: 4,
        12: 4,
        25: 8,
        50: 17,
    }


def test_nothing_beyond_reach_is_asked_for():
    render = Renderer(torch.full((15,), 0.2))
    match_motion(render, cues(RISE), 3, reach=(25, 656))
    assert max(int(asked.max()) for asked in render.asked) == 656
    assert min(int(asked.min()) for asked in render.asked) >= 25


@pytest.mark.parametrize(
    ("rounds", "motion", "gains", "message"),
    [
        (-1, RISE, torch.ones(15), "rounds must not be negative, got -1"),
        (1, torch.full((15,), -1000), torch.ones(15), "cues have the null motion"),
        (1, RISE, torch.ones(2, 15), r"attempt must measure 15 steps of motion, got shape \(2, 15\)"),
    ],
)
def test_what_is_wrong_is_named(rounds, motion, gains, message):
    with pytest.raises(ValueError, match=message):
        match_motion(Renderer(gains), cues(motion), rounds)


@pytest.mark.parametrize("measured", [torch.full((15,), torch.nan), torch.full((15,), -(2**62))])
def test_what_is_no_motion_is_refused_and_named(measured):
    with pytest.raises(ValueError, match=r"draft must measure motion 0\.\.1000, got"):
        match_motion(Renderer(torch.ones(15)), cues(RISE), 1, draft=lambda _: measured)
    with pytest.raises(ValueError, match=r"attempt must measure motion 0\.\.1000, got"):
        match_motion(lambda _: (None, measured), cues(RISE), 1)


def test_the_miss_of_the_mean_ignores_what_evens_out():
    measured = torch.tensor([[100, 300], [250, 250]])
    assert miss_of_motion(measured, torch.tensor([200, 200])) == (75.0, 25.0)
