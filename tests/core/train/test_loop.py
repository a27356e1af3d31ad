"""The training loop: it learns, logs, resumes to the same losses and leaves no half-written file."""

import signal
import time

import pytest
import torch
from torch import nn

from higen_core.train.config import LoopConfig
from higen_core.train.loop import train

from .logged import scalars


def batches(step, index):
    """Points of a known line; batch `index` is the same in every run."""
    x = torch.randn(32, 3, generator=torch.Generator().manual_seed(index))
    return x, x @ torch.tensor([[1.0], [-2.0], [0.5]])


def run(folder, steps=20, interrupt_at=None, preview=None, evaluate=None, **options):
    """The losses in order, and (step, weights, bias) of each export."""
    torch.manual_seed(0)
    losses, exported = [], []

    def losses_of(model, batch):
        loss = (model(batch[0]) - batch[1]).square().mean()
        losses.append(loss.item())
        if len(losses) == interrupt_at:
            signal.raise_signal(signal.SIGINT)
        return {"squared": loss}

    options = {"warmup": 2, "ema": 0.9, "precision": "no", "every": 5, "log_every": 1} | options
    config = LoopConfig(out=folder, steps=steps, lr=0.05, **options)
    train(
        nn.Linear(3, 1),
        batches,
        losses_of,
        config,
        lambda model, step: exported.append((step, model.weight.clone(), model.bias.clone())),
        preview,
        evaluate,
    )
    return losses, exported


def test_it_learns_and_exports_the_average(tmp_path):
    losses, exported = run(tmp_path, 120, every=40)
    assert losses[-1] < 0.01 * losses[0]
    assert [step for step, *_ in exported] == [40, 80, 120]
    torch.testing.assert_close(exported[-1][1], torch.tensor([[1.0, -2.0, 0.5]]), atol=0.1, rtol=0)


def test_the_average_is_that_of_the_weights_after_each_step(tmp_path):
    _, weights = run(tmp_path / "raw", 12, every=1, ema=0.0)
    _, averages = run(tmp_path / "average", 12, every=12, ema=0.5)
    expected = weights[0][1]
    for count, (_, weight, _) in enumerate(weights[1:], start=1):
        rate = min(0.5, count / (9 + count))
        expected = rate * expected + (1 - rate) * weight
    torch.testing.assert_close(averages[0][1], expected)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_resumed_run_has_the_losses_of_an_unbroken_one(tmp_path, accumulate):
    whole, exported = run(tmp_path / "whole", accumulate=accumulate)
    first, _ = run(tmp_path / "parts", interrupt_at=10 * accumulate, accumulate=accumulate)
    rest, resumed = run(tmp_path / "parts", accumulate=accumulate)
    assert len(first) == 10 * accumulate
    assert first + rest == whole
    assert torch.equal(resumed[-1][1], exported[-1][1])
    assert {path.name for path in (tmp_path / "parts").iterdir()} == {"state.pt", "logs"}


def test_a_resumed_run_uses_the_weight_decay_of_now_and_reports_it(tmp_path, capsys):
    run(tmp_path, 5)
    _, exported = run(tmp_path, 10, weight_decay=5.0)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert [group["weight_decay"] for group in state["optimizer"]["param_groups"]] == [5.0]
    assert "resumed with a changed option: weight_decay: 0.01 -> 5.0\n" in capsys.readouterr().out
    run(tmp_path / "unchanged", 5)
    _, unchanged = run(tmp_path / "unchanged", 10)
    assert not torch.allclose(exported[-1][1], unchanged[-1][1])


def test_a_resumed_run_reports_the_other_changed_options_once(tmp_path, capsys):
    run(tmp_path, 5)
    run(tmp_path, 10, every=3, max_norm=2.0)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("resumed")]
    assert lines == [
        f"resumed with a changed option: {change}" for change in ("steps: 5 -> 10", "max_norm: 1.0 -> 2.0")
    ]
    run(tmp_path, 10, max_norm=2.0)
    assert "resumed" not in capsys.readouterr().out


def test_a_run_is_not_resumed_with_another_seed(tmp_path):
    run(tmp_path, 5)
    before = (tmp_path / "state.pt").read_bytes()
    with pytest.raises(ValueError, match="seed was 0 in the run in .* and is 3 now"):
        run(tmp_path, 10, seed=3)
    assert (tmp_path / "state.pt").read_bytes() == before


def test_the_state_of_a_run_without_saved_options_is_resumed(tmp_path):
    """As earlier versions wrote it."""
    run(tmp_path, 5)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    del state["config"]
    torch.save(state, tmp_path / "state.pt")
    losses, _ = run(tmp_path, 10, seed=3)
    assert len(losses) == 5


def test_a_state_that_cannot_be_written_leaves_the_last_one_and_nothing_else(tmp_path, monkeypatch):
    run(tmp_path, 5)
    before = (tmp_path / "state.pt").read_bytes()

    def full_disk(state, path):
        path.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="no space left"):
        run(tmp_path, 10)
    assert (tmp_path / "state.pt").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"state.pt", "logs"}


@pytest.fixture
def interruptible():
    """Python's own handler, also where the tests run in the background of a shell, which ignores interrupts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_saves_and_stops(tmp_path):
    losses, exported = run(tmp_path, interrupt_at=7)
    assert len(losses) == 7
    assert [step for step, *_ in exported] == [5, 7]
    assert torch.load(tmp_path / "state.pt", weights_only=True)["step"] == 7
    with pytest.raises(KeyboardInterrupt):  # the handler from before is back
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("broken", ["loss", "gradient"])
def test_broken_numbers_stop_it_before_they_are_saved(tmp_path, broken):
    run(tmp_path, 5)

    def losses(model, batch):
        loss = (model(batch[0]) - batch[1]).square().mean()
        if broken == "gradient":
            model.weight.register_hook(lambda gradient: gradient / 0)
            return {"squared": loss}
        return {"squared": loss / 0}

    config = LoopConfig(out=tmp_path, steps=20, lr=0.05, precision="no", every=1)
    with pytest.raises(FloatingPointError, match=r"(inf|nan) at step 6; the last checkpoint is kept"):
        train(nn.Linear(3, 1), batches, losses, config, lambda model, step: pytest.fail(f"step {step} was exported"))
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert state["step"] == 5
    assert all(bool(weight.isfinite().all()) for weight in state["model"].values())


def test_the_state_has_the_names_that_earlier_runs_wrote(tmp_path):
    run(tmp_path, 5)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert {name: set(part) for name, part in state.items() if name not in ("step", "config")} == {
        "model": {"weight", "bias"},
        "optimizer": {"state", "param_groups"},
        "average": {"n_averaged", "module.weight", "module.bias"},
    }
    assert set(state["optimizer"]["state"]) == {0, 1}


@pytest.mark.parametrize("workers", [1, 2])
def test_batches_of_workers_are_those_of_the_training_itself(tmp_path, workers):
    """Equal to the bit, also after an interrupt, which workers ignore."""
    whole, exported = run(tmp_path / "whole", accumulate=2, workers=0)
    first, _ = run(tmp_path / "parts", interrupt_at=14, accumulate=2, workers=workers)
    rest, resumed = run(tmp_path / "parts", accumulate=2, workers=workers)
    assert len(first) == 14
    assert first + rest == whole
    assert torch.equal(resumed[-1][1], exported[-1][1])
    assert all(0 <= wait <= 1 for wait in scalars(tmp_path / "parts", "data_wait").values())


def test_the_time_that_the_training_waits_for_batches_is_logged(tmp_path):
    def slow(step, index):
        time.sleep(0.2)
        return batches(step, index)

    config = LoopConfig(out=tmp_path, steps=3, lr=0.05, precision="no", log_every=3, workers=0)
    train(nn.Linear(3, 1), slow, lambda m, b: {"squared": (m(b[0]) - b[1]).square().mean()}, config, lambda m, s: None)
    [wait] = scalars(tmp_path, "data_wait").values()
    assert 0.5 < wait <= 1


def test_a_batch_that_cannot_be_made_ends_the_training_with_its_error(tmp_path):
    def broken(step, index):
        raise OSError(f"batch {index} is gone")

    config = LoopConfig(out=tmp_path, steps=2, lr=0.1, precision="no", workers=1)
    with pytest.raises(OSError, match="batch 0 is gone"):
        train(nn.Linear(3, 1), broken, lambda m, b: {}, config, lambda m, s: None)


@pytest.mark.medium
def test_accumulated_batches_are_one_large_batch(tmp_path):
    parts, _ = run(tmp_path / "parts", 6, accumulate=2)
    means = [(a + b) / 2 for a, b in zip(parts[::2], parts[1::2], strict=True)]
    assert scalars(tmp_path / "parts", "loss/squared") == pytest.approx(dict(enumerate(means, start=1)), rel=1e-6)

    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01, betas=(0.9, 0.99))
    for step, lr in enumerate((0.025, 0.05)):
        optimizer.param_groups[0]["lr"] = lr
        x, y = (torch.cat(pair) for pair in zip(batches(0, 2 * step), batches(0, 2 * step + 1), strict=True))
        loss = (model(x) - y).square().mean()
        assert loss.item() == pytest.approx(means[step], rel=1e-5)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()


@pytest.mark.medium
def test_a_run_that_was_killed_before_its_last_export_makes_it_when_it_is_started_again(tmp_path):
    def killed(model, step):
        raise KeyboardInterrupt

    _, expected = run(tmp_path / "whole", 10, every=10)
    config = LoopConfig(out=tmp_path / "killed", steps=10, lr=0.05, warmup=2, ema=0.9, precision="no", every=10)
    torch.manual_seed(0)
    with pytest.raises(KeyboardInterrupt):
        train(nn.Linear(3, 1), batches, lambda m, b: {"squared": (m(b[0]) - b[1]).square().mean()}, config, killed)
    (tmp_path / "killed" / "state.pt.0123.partial").write_bytes(b"of another killed run")
    losses, exported = run(tmp_path / "killed", 10, every=10)
    assert losses == []
    assert [step for step, *_ in exported] == [10]
    assert torch.equal(exported[0][1], expected[0][1])
    assert {path.name for path in (tmp_path / "killed").iterdir()} == {"state.pt", "logs"}
