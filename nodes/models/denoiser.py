"""The denoiser as ComfyUI calls any diffusion model: frames in the batch, several conditionings one after another."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from comfy.patcher_extension import WrapperExecutor, WrappersMP, get_all_wrappers
from einops import rearrange

from ... import higen_core as hg
from .held_weights import held_weights

torch.compiler.allow_in_graph(rearrange)  # else torch.compile spends most of its time on the parser of the patterns


class StockUNet(hg.UNet):
    """`hg.UNet` under ComfyUI's care.

    ComfyUI casts the inputs to the device and the dtype that it computes in, and its layers cast their weights to the
    inputs. So weights may be stored in another dtype and on another device.
    """

    def hold_weights(self, layer: torch.nn.Module) -> AbstractContextManager[None]:
        return held_weights(layer)

    def cast(self, x: torch.Tensor) -> torch.Tensor:
        return x

    def forward(
        self,
        x: torch.Tensor,
        timesteps: torch.Tensor,
        context: torch.Tensor,
        conditions: Mapping[str, torch.Tensor] | None = None,
        chunk: int | None = None,
        control: Any = None,
        transformer_options: dict[str, Any] | None = None,
    ) -> torch.Tensor:
        """Velocity of x (p f, 4, h, w) for p conditionings of f frames each; of p images without `conditions`.

        Args:
            timesteps: 0..999, (p f,).
            context: text states (p f, l, d), the same for all frames of a conditioning.
            conditions: the prior and, of more than one frame, the cues of each conditioning: `FrameCues.stack`.
            chunk: frames that a layer processes at a time; None means all.
            control: None; `conditioning.text_and_cues` refuses ControlNet.
            transformer_options: wrappers, the context window and patches of skip connections take effect.
        """
        options = transformer_options or {}
        wrappers = get_all_wrappers(WrappersMP.DIFFUSION_MODEL, options)
        executor = WrapperExecutor.new_class_executor(self._predict, self, wrappers)
        arguments = (x, timesteps, context, conditions or {}, chunk, options)  # caches of ComfyUI read the last one
        return executor.execute(*arguments)

    def _predict(
        self,
        x: torch.Tensor,
        timesteps: torch.Tensor,
        context: torch.Tensor,
        conditions: Mapping[str, torch.Tensor],
        chunk: int | None,
        options: dict[str, Any],
    ) -> torch.Tensor:
        frames = len(x) // len(conditions["prior"]) if conditions else 1
        patches = options.get("patches", {}).get("output_block_patch", ())
        velocity = super().forward(
            rearrange(x, "(p f) c h w -> p c f h w", f=frames),
            timesteps[::frames],
            text=context[::frames],
            **conditions,
            chunk=chunk,
            skip_patches=[lambda hidden, skip, patch=patch: patch(hidden, skip, options) for patch in patches],
        )
        return rearrange(velocity, "p c f h w -> (p f) c h w")
