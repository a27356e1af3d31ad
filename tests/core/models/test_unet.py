"""The denoiser against the released one, and the work that it saves."""

import pytest
import torch

from higen_core.models.config import MINI, RELEASED
from higen_core.models.layers import Attention
from higen_core.models.temporal import TemporalConv, TemporalTransformer
from higen_core.models.unet import UNet
from higen_core.weights.checkpoint import load_unet
from higen_core.weights.key_mapping import released_name

from .. import golden


@pytest.fixture(scope="module")
def unet():
    return load_unet(golden.path("unet_small_weights"))


def call(unet, case):
    out = case.pop("out", None)
    with torch.no_grad():
        return unet(case.pop("x"), case.pop("t"), **case), out


@pytest.mark.parametrize("case", ["spatial", "temporal", "temporal32", "motion_per_frame"])
def test_output_is_that_of_the_released_network(unet, case):
    v, released = call(unet, golden.cases("unet_small_cases", f"{case}."))
    assert golden.max_error(v, released) <= 1e-4


def test_full_size_network_has_the_released_tensors():
    with torch.device("meta"):
        shapes = {released_name(name): list(t.shape) for name, t in UNet(RELEASED).state_dict().items()}
    assert shapes == golden.manifest("unet")
    assert sum(torch.Size(shape).numel() for shape in shapes.values()) == 1_483_201_924


def test_released_names_are_unique_for_mini():
    with torch.device("meta"):
        names = list(UNet(MINI).state_dict())
    assert len({released_name(name) for name in names}) == len(names)


def test_no_temporal_layer_runs_on_a_single_frame(unet):
    calls = []
    temporal = [m for m in unet.modules() if isinstance(m, TemporalConv | TemporalTransformer)]
    inner = [layer for m in temporal for layer in m.children()]
    hooks = [layer.register_forward_hook(lambda *_: calls.append(1)) for layer in inner]
    call(unet, golden.cases("unet_small_cases", "spatial."))
    assert not calls
    call(unet, golden.cases("unet_small_cases", "temporal."))
    assert calls
    for hook in hooks:
        hook.remove()


def test_text_keys_and_prior_are_computed_once_per_video_and_not_per_frame(unet):
    """Key and value projections of the context get (b, l, d), the prior's convolution (b, c, h, w)."""
    case = golden.cases("unet_small_cases", "temporal.")
    batch_sizes = []
    layers = [m.k for m in unet.modules() if isinstance(m, Attention) and m.k.in_features == unet.config.context_dim]
    layers += [unet.down[0][0].prior, unet.text_resampler.input_mapping]
    hooks = [layer.register_forward_pre_hook(lambda _, args: batch_sizes.append(len(args[0]))) for layer in layers]
    call(unet, case)
    for hook in hooks:
        hook.remove()
    assert batch_sizes == [2] * len(layers)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(1, 3, 6, 8, 12)}, "x must be"),
        ({"x": torch.zeros(1, 4, 6, 7, 12)}, "multiples of 2"),
        ({"text": torch.zeros(1, 7, 50)}, "text encoder"),
        ({"prior": torch.zeros(1, 4, 8, 8)}, "prior must have shape"),
        ({"motion": torch.zeros(1, 9)}, "motion must have shape"),
        ({"appearance": torch.zeros(1, 6, 6)}, "appearance must have shape"),
    ],
)
def test_wrong_shapes_are_named(unet, change, message):
    case = golden.cases("unet_small_cases", "motion_per_frame.") | change
    case.pop("out")
    with pytest.raises(ValueError, match=message):
        unet(case.pop("x"), case.pop("t"), **case)
