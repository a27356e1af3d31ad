"""Fitting schedules of few evaluations to videos of training prompts."""

import json

import pytest
from tqdm import tqdm

from higen_core.models.info import ModelInfo
from higen_core.train.sprites.evaluation import schedules
from higen_core.train.sprites.evaluation.motion import bench_of
from higen_core.weights.checkpoint import MINI_DIR


def test_examples_are_of_training_scenes_with_constants_schedules_and_changes():
    examples = schedules.training_examples(8, 0)
    assert [each.prompt for each in schedules.training_examples(4, 0)] == [each.prompt for each in examples[:4]]
    changes = [bool((example.cues.appearance < 1).any()) for example in examples]
    assert changes == [False, True] * 4
    assert len({tuple(example.cues.motion.tolist()) for example in examples}) >= 6


def test_schedules_are_written_as_weights_state_them():
    text = (MINI_DIR / "schedules.json").read_text()
    stated = ModelInfo(schedules=json.loads(text)).schedules
    assert schedules.schedules_as_json(stated) == text


@pytest.mark.slow
def test_a_schedule_is_fitted_to_few_videos():
    bench = bench_of("mini", 0, tqdm(disable=True))
    found = schedules.fit_schedules(bench, 2, {"fast": 10}, seed=0)
    assert found["fast"].evaluations == 10
    assert (found["fast"].guidance, found["fast"].appearance_guidance) == (2.0, 3.0)
