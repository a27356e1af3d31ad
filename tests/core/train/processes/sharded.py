"""Run by `torch.distributed.run`: the training of a denoiser or of a LoRA with weights sharded by FSDP2, on CPUs.

Accelerate turns FSDP on for accelerators only; here its state is set as on one. All the rest is as on a GPU.
"""

import sys
from pathlib import Path

from accelerate import Accelerator, PartialState
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin
from torch.distributed.tensor import DTensor

from higen_core.train import checkpoint, loop
from higen_core.train.__main__ import TRAININGS
from higen_core.train.options import read_config

Accelerator(mixed_precision="no", cpu=True)
for state in (PartialState._shared_state, AcceleratorState._shared_state):
    state["distributed_type"] = DistributedType.FSDP
AcceleratorState._shared_state["fsdp_plugin"] = FullyShardedDataParallelPlugin(
    fsdp_version=2,
    auto_wrap_policy="transformer_based_wrap",
    transformer_cls_names_to_wrap=["ResBlock", "SpatialTransformer", "TemporalTransformer"],
    cpu_ram_efficient_loading=False,
)


class PrintingState(checkpoint.State):
    """Prints the fraction of the weights that this process holds."""

    def load(self, path: Path) -> int:
        weights = list(self.model.parameters())
        assert all(isinstance(weight, DTensor) for weight in weights)
        held = sum(weight.to_local().numel() for weight in weights)
        print(f"holds {held} of {sum(weight.numel() for weight in weights)} weights", flush=True)
        return super().load(path)


loop.State = PrintingState
name, file, out = sys.argv[1:]
TRAININGS[name].run(read_config(TRAININGS[name].config, Path(file), {"out": Path(out)}))
