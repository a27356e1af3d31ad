"""The training loop: it learns, resumes to the same losses and leaves no half-written file."""

import torch
from torch import nn

from higen_core.train.loop import LoopConfig, train


class Batches:
    """Points of a known line; batch i is the same in every run."""

    def __getitem__(self, index):
        x = torch.randn(32, 3, generator=torch.Generator().manual_seed(index))
        return x, x @ torch.tensor([[1.0], [-2.0], [0.5]])


def run(folder, steps, model=None, every=5, **options):
    torch.manual_seed(0)
    model = model or nn.Linear(3, 1)
    seen = []

    def losses(model, batch):
        loss = (model(batch[0]) - batch[1]).square().mean()
        seen.append(loss.item())
        return {"squared": loss}

    exported = []
    config = LoopConfig(folder, steps, lr=0.05, warmup=2, ema=0.9, precision="no", every=every, **options)
    train(model, Batches(), losses, config, lambda average, step: exported.append((step, average.weight.clone())))
    return seen, exported


def test_it_learns_and_exports_the_average(tmp_path):
    seen, exported = run(tmp_path, 120, every=40)
    assert seen[-1] < 0.01 * seen[0]
    assert [step for step, _ in exported] == [40, 80, 120]
    torch.testing.assert_close(exported[-1][1], torch.tensor([[1.0, -2.0, 0.5]]), atol=0.1, rtol=0)


def test_a_resumed_run_has_the_losses_of_an_unbroken_one(tmp_path):
    whole, _ = run(tmp_path / "whole", 20)
    first, _ = stopped_at(tmp_path / "parts", 10)
    rest, _ = run(tmp_path / "parts", 20)
    assert first + rest == whole
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["state.pt"]


def stopped_at(folder, step):
    """A run of 20 steps that gets SIGINT during `step`."""
    import signal

    torch.manual_seed(0)
    seen, exported = [], []

    def losses(model, batch):
        loss = (model(batch[0]) - batch[1]).square().mean()
        seen.append(loss.item())
        if len(seen) == step:
            signal.raise_signal(signal.SIGINT)
        return {"squared": loss}

    config = LoopConfig(folder, 20, lr=0.05, warmup=2, ema=0.9, precision="no", every=5)
    train(nn.Linear(3, 1), Batches(), losses, config, lambda average, number: exported.append(number))
    return seen, exported


def test_an_interrupt_saves_and_stops(tmp_path):
    seen, exported = stopped_at(tmp_path, 7)
    assert len(seen) == 7
    assert exported == [5, 7]
    assert torch.load(tmp_path / "state.pt", weights_only=True)["step"] == 7
