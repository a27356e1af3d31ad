"""Classifier-free guidance: the formula of its docstring, in one call or several."""

import pytest
import torch

from higen_core.diffusion.guidance import classifier_free_guidance

B, SHAPE, T = 2, (2, 4, 3, 2, 2), 321


class Model:
    """A velocity that depends on everything, row by row, and records the calls."""

    def __init__(self):
        self.calls = []

    def __call__(self, x, t, *, text, cue):
        self.calls.append((len(x), text.shape[1]))
        factor = (text.mean(dim=(1, 2)) + cue.mean(dim=1) + t / 1000).view(-1, 1, 1, 1, 1)
        return torch.sin(x * factor)


@pytest.fixture
def x():
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))


def conditions(seed, length=5):
    """Text (b, l, 3) and a cue (b, 7), different in each row."""
    generator = torch.Generator().manual_seed(seed)
    return {
        "text": torch.randn(B, length, 3, generator=generator) + 1,
        "cue": torch.randn(B, 7, generator=generator),
    }


def direct(x, values):
    return Model()(x, torch.full((B,), T), **values)


@pytest.mark.parametrize("batched", [True, False])
def test_one_condition_is_classifier_free_guidance(x, batched):
    cond, null = conditions(1), conditions(2)
    v = classifier_free_guidance(Model(), cond, [(4.0, null)], batched)(x, T)
    w = 3.0  # Ho and Salimans: (1 + w) v(c) - w v(null)
    torch.testing.assert_close(v, (1 + w) * direct(x, cond) - w * direct(x, null))


@pytest.mark.parametrize("batched", [True, False])
def test_two_conditions_are_guided_independently(x, batched):
    cond, null = conditions(1), conditions(2)
    no_text, no_cue = cond | {"text": null["text"]}, cond | {"cue": null["cue"]}
    v = classifier_free_guidance(Model(), cond, [(5.0, no_text), (3.0, no_cue)], batched)(x, T)
    full = direct(x, cond)
    expected = full + (5 - 1) * (full - direct(x, no_text)) + (3 - 1) * (full - direct(x, no_cue))
    torch.testing.assert_close(v, expected)


def test_a_scale_of_one_is_not_evaluated(x):
    cond, null = conditions(1), conditions(2)
    model = Model()
    v = classifier_free_guidance(model, cond, [(1.0, null), (3.0, null)])(x, T)
    torch.testing.assert_close(v, 3 * direct(x, cond) - 2 * direct(x, null))
    assert model.calls == [(2 * B, 5)]
    assert torch.equal(classifier_free_guidance(model, cond, [(1.0, null)])(x, T), direct(x, cond))
    assert model.calls[1:] == [(B, 5)]


@pytest.mark.parametrize(("batched", "calls"), [(True, [(3 * B, 5)]), (False, [(B, 5)] * 3)])
def test_branches_are_one_call_or_one_call_each(x, batched, calls):
    model = Model()
    unconds = [(5.0, conditions(2)), (3.0, conditions(3))]
    classifier_free_guidance(model, conditions(1), unconds, batched)(x, T)
    assert model.calls == calls


def test_branches_of_different_shapes_take_a_call_each(x):
    model = Model()
    cond, null = conditions(1, length=5), conditions(2, length=7)
    v = classifier_free_guidance(model, cond, [(4.0, null)], batched=True)(x, T)
    assert model.calls == [(B, 5), (B, 7)]
    torch.testing.assert_close(v, 4 * direct(x, cond) - 3 * direct(x, null))
