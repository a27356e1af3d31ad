"""The state of a run on disk, and weights that are made trainable."""

import resource
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import nn

from higen_core import load_unet
from higen_core.train import checkpoint
from higen_core.train.checkpoint import (
    Average,
    State,
    fingerprint,
    frozen_fingerprint,
    replacing,
    resumed_changes,
    trainable,
)
from higen_core.train.config import LoopConfig
from higen_core.weights.checkpoint import save_network


def fresh_state(weight_decay: float = 0.01, init_scale: float | None = None) -> State:
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=weight_decay)
    scaler = None if init_scale is None else torch.amp.GradScaler("cpu", init_scale=init_scale)
    return State(model, optimizer, Average(model, 0.9), scaler)


def update(state: State) -> None:
    state.optimizer.zero_grad()
    loss = state.model(torch.ones(2, 3)).square().mean()
    if state.scaler is None:
        loss.backward()
        state.optimizer.step()
    else:
        state.scaler.scale(loss).backward()
        state.scaler.step(state.optimizer)
        state.scaler.update()
    state.average.update(state.model)


@pytest.fixture
def config(tmp_path) -> LoopConfig:
    return LoopConfig(out=tmp_path, steps=9, lr=0.1)


@pytest.mark.parametrize("scale", [None, 64.0])
def test_all_that_changes_comes_back(config, tmp_path, scale):
    saved = fresh_state(init_scale=scale)
    for _ in range(3):
        update(saved)
    saved.save(tmp_path / "state.pt", 3, config, writes=True)
    loaded = fresh_state(init_scale=None if scale is None else 2.0)
    assert loaded.load(tmp_path / "state.pt") == 3
    for state in (saved, loaded):
        update(state)
    for name, weight in saved.model.state_dict().items():
        assert torch.equal(weight, loaded.model.state_dict()[name])
        assert torch.equal(saved.average.tensors[name], loaded.average.tensors[name])
    if scale is not None:
        assert loaded.scaler.state_dict() == saved.scaler.state_dict()
        assert loaded.scaler.get_scale() == scale


def test_a_state_without_a_scaler_is_resumed_with_one(config, tmp_path):
    """A run that goes on in fp16."""
    fresh_state().save(tmp_path / "state.pt", 3, config, writes=True)
    state = fresh_state(init_scale=8.0)
    assert state.load(tmp_path / "state.pt") == 3
    assert state.scaler.get_scale() == 8.0


def test_hyperparameters_are_those_of_now(config, tmp_path):
    saved = fresh_state(weight_decay=0.01)
    update(saved)
    saved.save(tmp_path / "state.pt", 1, config, writes=True)
    state = fresh_state(weight_decay=0.5)
    state.load(tmp_path / "state.pt")
    assert [group["weight_decay"] for group in state.optimizer.param_groups] == [0.5]
    assert state.optimizer.state_dict()["state"].keys() == {0, 1}


def test_the_options_are_in_the_state(config, tmp_path):
    assert resumed_changes(config) == []
    fresh_state().save(config.folder / "state.pt", 1, config, writes=True)
    changed = LoopConfig(out=tmp_path, steps=9, lr=0.2)
    assert resumed_changes(changed) == ["lr: 0.1 -> 0.2"]
    with pytest.raises(ValueError, match="seed was 0 in the run in .* and is 1 now: a run cannot be resumed with that"):
        resumed_changes(LoopConfig(out=tmp_path, steps=9, lr=0.1, seed=1))


def test_a_state_of_an_earlier_version_without_options_is_resumed(config):
    torch.save({"step": 1}, config.folder / "state.pt")
    assert resumed_changes(config) == []


def test_a_state_of_another_network_is_refused(config, tmp_path):
    path = tmp_path / "state.pt"
    fresh_state().save(path, 1, config, writes=True)
    saved = torch.load(path, weights_only=True)
    saved["model"] = {f"old_{name}": value for name, value in saved["model"].items()}
    torch.save(saved, path)
    with pytest.raises(ValueError, match="of another network or of an earlier version: only one of the two has bias"):
        fresh_state().load(path)


def test_a_state_with_other_frozen_weights_is_refused(config, tmp_path):
    """As when the file in init was replaced."""

    def state(frozen_weight: float) -> State:
        model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
        model[0].requires_grad_(False)
        nn.init.constant_(model[0].weight, frozen_weight)
        nn.init.zeros_(model[0].bias)
        optimizer = torch.optim.AdamW(model[1].parameters())
        return State(model, optimizer, Average(model, 0.9), frozen=frozen_fingerprint(model))

    path = tmp_path / "state.pt"
    state(1.0).save(path, 3, config, writes=True)
    assert state(1.0).load(path) == 3
    with pytest.raises(ValueError, match="init does not have the weights any more that the run of .* began with"):
        state(2.0).load(path)


def test_a_file_is_replaced_at_the_end(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    with replacing(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_nothing_stays_behind_when_writing_fails(tmp_path, error):
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(error), replacing(path) as partial:
        partial.write_text("ne")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_temporary_names_differ_between_processes_of_equal_number(tmp_path):
    """As in containers that share a folder."""
    with replacing(tmp_path / "a") as first, replacing(tmp_path / "a") as second:
        assert first != second
        first.touch(), second.touch()


def test_no_temporary_name_is_made_of_a_process_number():
    sources = Path(checkpoint.__file__).parent.rglob("*.py")
    assert [path.name for path in sources if "getpid" in path.read_text(encoding="utf-8")] == []


def test_loaded_weights_become_trainable_and_the_file_stays_as_it_is():
    unet = trainable(load_unet("mini"))
    before = fingerprint(load_unet("mini"))
    assert unet.training and all(weight.requires_grad for weight in unet.parameters())
    assert fingerprint(unet) == before
    with torch.no_grad():
        for weight in unet.parameters():
            weight.add_(1)
    assert fingerprint(unet) != before
    assert fingerprint(load_unet("mini")) == before


@contextmanager
def full_disk(size: int = 4096):
    """Files can grow to `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_named_and_keeps_the_state_before(tmp_path, config):
    state = fresh_state()
    state.save(tmp_path / "state.pt", 3, config, writes=True)
    with full_disk(), pytest.raises(OSError, match=r"state\.pt cannot be written: .* MB are free in its folder: make"):
        large = nn.Linear(100, 100)
        State(large, torch.optim.AdamW(large.parameters()), Average(large, 0.9)).save(
            tmp_path / "state.pt", 4, config, writes=True
        )
    assert [path.name for path in tmp_path.iterdir()] == ["state.pt"]
    assert fresh_state().load(tmp_path / "state.pt") == 3


def test_weights_on_a_full_disk_are_named(tmp_path):
    unet = load_unet("mini")
    with full_disk(), pytest.raises(OSError, match=r"unet\.safetensors cannot be written: "):
        save_network(tmp_path / "unet.safetensors", unet)
    assert list(tmp_path.iterdir()) == []
