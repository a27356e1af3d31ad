"""The response of weights to the motion cue, and its inverse."""

import pytest
import torch

from higen_core import Cues, ModelInfo, calibrate, motion_reach
from higen_core.weights.checkpoint import read_info

INFO = ModelInfo(motion_response=((0, 20), (100, 200), (1000, 650)))


def cues(*motion: int) -> Cues:
    return Cues(torch.tensor(motion, dtype=torch.int64), torch.ones(len(motion) + 1, len(motion) + 1))


def test_motion_becomes_what_gives_it():
    assert calibrate(cues(20, 110, 200, 425, 650), INFO).motion.tolist() == [0, 50, 100, 550, 1000]


def test_motion_out_of_reach_becomes_the_nearest_that_is_in_reach():
    assert calibrate(cues(0, 19, 651, 1000), INFO).motion.tolist() == [0, 0, 1000, 1000]
    assert motion_reach(INFO) == (20, 650)


def test_the_null_cue_stays_null():
    assert calibrate(Cues.null(5), INFO).motion.equal(Cues.null(5).motion)


def test_weights_that_state_no_response_get_the_cues_as_they_are():
    given = cues(0, 500, 1000)
    assert calibrate(given, ModelInfo()) is given
    assert motion_reach(ModelInfo()) == (0, 1000)


def test_a_single_frame_has_no_motion():
    assert calibrate(cues(), INFO).motion.shape == (0,)


def test_mini_states_its_response():
    info = read_info("mini")
    low, high = motion_reach(info)
    assert low < 30
    assert high > 600
    assert ModelInfo.from_metadata(info.to_metadata()) == info


@pytest.mark.parametrize(
    "response",
    [
        [[0, 20]],
        [[0, 20], [0, 30]],
        [[0, 20], [100, 20]],
        [[0, 20], [100, 1001]],
        [[0, 20], [100]],
        [0, 100],
        [[0, 20], [100, "200"]],
        "mini",
    ],
)
def test_a_response_that_is_none_is_refused(response):
    with pytest.raises(ValueError, match="motion_response of the weights must be a list of two or more pairs"):
        ModelInfo.from_metadata({"motion_response": response})


def test_cues_outside_of_a_mask_are_calibrated_too():
    masked = cues(110, 425).masked(torch.ones(4, 4), cues(200, 650))
    given = calibrate(masked, INFO)
    assert given.motion.tolist() == [50, 550]
    assert given.outside.motion.tolist() == [100, 1000]
    assert given.mask is masked.mask
