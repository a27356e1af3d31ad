"""Both stages of the released layout with random weights: seconds a guided step, and the peak beside the plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial

import torch
from torch._dynamo.utils import counters
from torch.nn.attention import SDPBackend, sdpa_kernel

import higen_core as hg

from ..benchmarks.step import random_network, stage
from .accuracy import FP32_BAR
from .meter import DTYPES, Row, Setting, attempt, relative_error

STEPS, GUIDANCE = 4, 12.0
BACKENDS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "memory-efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cuDNN": SDPBackend.CUDNN_ATTENTION,
    "plain": SDPBackend.MATH,
}


def rows(setting: Setting) -> Iterator[Row]:
    for precision in setting.precisions:
        unet = random_network(lambda: hg.UNet(setting.sizes.unet), DTYPES[precision], setting.device)
        yield from rows_of(setting, unet, precision)
        if precision == setting.precisions[0]:
            for name, backend in BACKENDS.items():
                label = {"precision": precision, "way": f"attention: {name}"}
                within = partial(sdpa_kernel, backend)
                yield label | attempt(partial(step, setting, unet, setting.frames, within=within), may_refuse=True)
            yield from compiled_rows(setting, unet, precision)
        del unet


def rows_of(setting: Setting, unet: hg.UNet, precision: str) -> Iterator[Row]:
    """Each stage as it is planned, and the temporal stage with fewer frames at a time."""
    label = {"precision": precision}
    yield label | {"way": "spatial stage"} | attempt(partial(step, setting, unet, 1))
    yield label | {"way": "temporal stage, as planned"} | attempt(partial(step, setting, unet, setting.frames))
    for chunk in dict.fromkeys((setting.frames, max(setting.frames // 4, 1), 1)):
        way = f"temporal stage, a call a branch, {chunk} frames at a time"
        yield label | {"way": way} | attempt(partial(step, setting, unet, setting.frames, chunk=chunk))


def compiled_rows(setting: Setting, unet: hg.UNet, precision: str) -> Iterator[Row]:
    """The layers compiled (`hg.compile_layers`), whole and in chunks."""
    hg.compile_layers(unet, backend="eager" if setting.tiny else "inductor")
    ways = {"as planned": None, "a call a branch, in 4 chunks": max(setting.frames // 4, 1)}
    for name, chunk in list(ways.items())[: 1 if setting.tiny else None]:
        label = {"precision": precision, "way": f"temporal stage, {name}, compiled"}
        yield label | attempt(partial(compiled, setting, unet, chunk))


def compiled(setting: Setting, unet: hg.UNet, chunk: int | None) -> Row:
    """A step with compiled layers, and the error that this makes with the same chunk and branches.

    `graphs` are those that were compiled so far: few of them mean that torch gave up and runs the rest as before.
    """
    row = step(setting, unet, setting.frames, chunk)
    options = {name: row[name] for name in ("batch_guidance", "chunk")}
    got = last(setting, unet, **options)
    with torch.compiler.set_stance("force_eager"):
        exact = last(setting, unet, **options)
        bar = FP32_BAR if unet.dtype == torch.float32 else 2 * rounding(setting, unet, exact)
    error = relative_error(got, exact)
    return row | {"error_rms": error, "bar": bar, "ok": error <= bar, "graphs": counters["stats"]["unique_graphs"]}


def rounding(setting: Setting, unet: hg.UNet, got: torch.Tensor) -> float:
    """The error of a result against that of the same weights in fp32, in the way that needs least memory.

    Two results that are both this far from the exact one differ by at most twice as much.
    """
    wide = random_network(lambda: hg.UNet(unet.config), torch.float32, setting.device)
    wide.load_state_dict(unet.state_dict())
    return relative_error(got, last(setting, wide, chunk=1, batch_guidance=False).float())


@torch.no_grad()
def last(setting: Setting, unet: hg.UNet, chunk: int, batch_guidance: bool) -> torch.Tensor:
    """The result of one step of the temporal stage."""
    options = {"guidance": GUIDANCE, "chunk": chunk, "batch_guidance": batch_guidance}
    *_, end = stage(unet, setting.frames, setting.height, setting.width, steps=1, **options)
    return end.x


def step(setting: Setting, unet: hg.UNet, frames: int, chunk: int | None = None, within: Callable = nullcontext) -> Row:
    """Seconds a guided step and its peak, as planned for the free memory or, with `chunk`, a call for each branch.

    `planned` are the bytes of the activations in the plan.
    """
    size = frames, setting.height, setting.width
    if chunk is None:
        plan = hg.plan(unet.config, *size, unet.dtype, hg.free_memory(setting.device))
        options, planned = {"batch_guidance": plan.batch_guidance, "chunk": plan.chunk}, plan.bytes
    else:
        planned = hg.activations(unet.config, *size, unet.dtype, chunk)
        options = {"batch_guidance": False, "chunk": chunk}
    if frames == 1:
        del options["chunk"]
    with torch.no_grad(), within():
        run = partial(stage, unet, *size, steps=2 if setting.tiny else STEPS, guidance=GUIDANCE, **options)
        return setting.measure(run) | {"planned": planned, **options}
