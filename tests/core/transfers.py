"""Records copies between devices: on a GPU, the program would wait for each of them."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Transfers(TorchDispatchMode):
    """The names of the operations that have tensors on two devices while it is active."""

    def __init__(self):
        super().__init__()
        self.operations: list[str] = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        devices = {leaf.device for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor) and leaf.ndim}
        out = operation(*args, **kwargs)
        devices |= {leaf.device for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor)} if devices else set()
        if len({device.type for device in devices}) > 1:
            self.operations.append(str(operation))
        return out
