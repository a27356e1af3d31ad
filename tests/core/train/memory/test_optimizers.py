"""Optimizers by name: they learn, resume to the bit, and say which library they need."""

import signal
import sys

import pytest
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType
from torch import nn

from higen_core.train.config import LoopConfig
from higen_core.train.loop import train
from higen_core.train.memory.optimizers import make_optimizer, state_bytes

SIZE = 64  # torchao quantizes moments of 4096 values and more


def run(folder, optimizer, dtype=torch.float32, lr=1e-2, interrupt_at=None):
    """The losses of six steps, or until an interrupt, and the averaged weights at the end."""
    torch.manual_seed(0)
    losses, exported = [], []

    def batches(step, index):
        x = torch.randn(8, SIZE, generator=torch.Generator().manual_seed(index))
        return x, x.flip(1)

    def losses_of(model, batch):
        loss = (model(batch[0].to(dtype)).float() - batch[1]).square().mean()
        losses.append(loss.item())
        if len(losses) == interrupt_at:
            signal.raise_signal(signal.SIGINT)
        return {"squared": loss}

    config = LoopConfig(out=folder, steps=6, lr=lr, optimizer=optimizer, precision="no", warmup=1, ema=0.5)
    model = nn.Linear(SIZE, SIZE).to(dtype)
    train(model, batches, losses_of, config, lambda model, step: exported.append(model.weight.detach().clone()))
    return losses, exported[-1]


@pytest.fixture
def eager():
    """Torchao compiles its step, which takes a C++ compiler and a minute on a CPU."""
    with torch.compiler.set_stance("force_eager"):
        yield


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("optimizer", "lr", "dtype"),
    [("adamw8bit", 1e-2, torch.float32), ("prodigy", 1.0, torch.float32), ("adamw", 1e-2, torch.bfloat16)],
)
def test_it_learns_and_resumes_to_the_bit(tmp_path, optimizer, lr, dtype):
    whole, weights = run(tmp_path / "whole", optimizer, dtype, lr=lr)
    first, _ = run(tmp_path / "parts", optimizer, dtype, lr=lr, interrupt_at=3)
    rest, resumed = run(tmp_path / "parts", optimizer, dtype, lr=lr)
    assert whole[-1] < whole[0]
    assert len(first) == 3
    assert first + rest == whole
    assert torch.equal(resumed, weights)


@pytest.mark.usefixtures("eager")
def test_small_updates_of_weights_in_bf16_are_not_lost(tmp_path):
    """Rounded to nearest, updates by a thousandth of a weight leave it as it is."""
    weight = nn.Parameter(torch.ones(SIZE, SIZE, dtype=torch.bfloat16))
    config = LoopConfig(out=tmp_path, steps=1, lr=1e-3, weight_decay=0.0)
    optimizer = make_optimizer([weight], config)
    for _ in range(10):
        weight.grad = torch.ones_like(weight)
        optimizer.step()
    assert weight.dtype == torch.bfloat16
    assert float(weight.detach().float().mean()) == pytest.approx(0.99, abs=1e-3)


@pytest.mark.usefixtures("eager")
def test_the_average_of_weights_in_bf16_is_in_fp32(tmp_path):
    losses, exported = run(tmp_path, "adamw", dtype=torch.bfloat16)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert state["model"]["weight"].dtype == torch.bfloat16
    average = state["average"]["module.weight"]
    assert average.dtype == torch.float32
    assert torch.equal(exported, average.bfloat16())
    assert not torch.equal(average, average.bfloat16().float())
    assert losses[-1] < losses[0]


def test_optimizers_that_cannot_be_sharded_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Accelerator, "distributed_type", DistributedType.FSDP)
    with pytest.raises(ValueError, match="optimizer prodigy cannot be sharded"):
        run(tmp_path, "prodigy", lr=1.0)


@pytest.mark.parametrize(("optimizer", "package"), [("adamw8bit", "torchao"), ("prodigy", "prodigyopt")])
def test_a_missing_library_is_named(tmp_path, monkeypatch, optimizer, package):
    monkeypatch.setitem(sys.modules, {"torchao": "torchao.optim"}.get(package, package), None)
    config = LoopConfig(out=tmp_path, steps=1, lr=1.0, optimizer=optimizer)
    with pytest.raises(
        ModuleNotFoundError, match=f"optimizer = '{optimizer}', needs {package} .*pip install {package}"
    ):
        make_optimizer(nn.Linear(2, 2).parameters(), config)


def test_the_learning_rate_of_prodigy_is_a_factor(tmp_path):
    with pytest.raises(ValueError, match=r"set lr = 1, got 0\.001"):
        LoopConfig(out=tmp_path, steps=1, lr=1e-3, optimizer="prodigy")


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("name", ["adamw", "adamw8bit", "prodigy"])
def test_the_forecast_of_the_state_is_its_size(tmp_path, name):
    model = nn.Linear(256, 256, bias=False)
    optimizer = make_optimizer(model.parameters(), LoopConfig(out=tmp_path, steps=1, lr=1.0, optimizer=name))
    model(torch.ones(1, 256)).sum().backward()
    optimizer.step()
    assert sum(map(size, next(iter(optimizer.state.values())).values())) == pytest.approx(
        state_bytes(name, 256 * 256), rel=0.05
    )


def size(value) -> int:
    if not isinstance(value, torch.Tensor):
        return 0
    if hasattr(value, "__tensor_flatten__"):
        return sum(size(getattr(value, name)) for name in value.__tensor_flatten__()[0])
    return value.numel() * value.element_size()
