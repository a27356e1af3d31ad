"""GUIDER with classifier-free guidance on the text and on the appearance cue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from comfy.samplers import CFGGuider, calc_cond_batch, cfg_function

from ...higen_core.diffusion.guidance import guidance_term
from ..conditioning import with_null_appearance


@dataclass(frozen=True)
class Guidance:
    """A guidance scale, 1 for none, and the part of sampling in which it applies: 0 is the start, 1 the end."""

    scale: float
    start: float = 0.0
    end: float = 1.0

    def at(self, sigma: torch.Tensor, model_sampling: Any) -> float:
        """The scale at a noise level, which is read from the device only where the scale depends on it."""
        if (self.start, self.end) == (0.0, 1.0) or self.scale == 1:
            return self.scale
        first, last = (model_sampling.percent_to_sigma(percent) for percent in (self.start, self.end))
        return self.scale if last <= float(sigma) <= first else 1.0


class TextAndAppearanceGuider(CFGGuider):
    """Guidance as in `higen_core.diffusion.guidance`. A guidance of scale 1 costs no evaluation."""

    def __init__(self, model: Any, positive: list, negative: list, text: Guidance, appearance: Guidance) -> None:
        super().__init__(model)
        conds = {"positive": positive, "negative": negative}
        if appearance.scale != 1 and (null_appearance := with_null_appearance(positive)):
            conds["null_appearance"] = null_appearance
        self.inner_set_conds(conds)
        self.text, self.appearance = text, appearance

    def predict_noise(self, x: torch.Tensor, timestep: torch.Tensor, model_options: Any = None, seed: Any = None):
        """The guided estimate of clean latents; patches of ComfyUI for guidance take effect on the text's."""
        options, model = model_options or {}, self.inner_model
        sigma = timestep.flatten()[0]
        text, appearance = (guidance.at(sigma, model.model_sampling) for guidance in (self.text, self.appearance))
        needs_negative = text != 1 or options.get("disable_cfg1_optimization", False)
        conds = [
            self.conds["positive"],
            self.conds["negative"] if needs_negative else None,
            self.conds.get("null_appearance") if appearance != 1 else None,
        ]
        shared = {"sigma": timestep, "input": x, "model": model, "model_options": options}
        if evaluate := options.get("sampler_calc_cond_batch_function"):
            *predictions, null = evaluate({"conds": conds, **shared})
        else:
            *predictions, null = calc_cond_batch(model, conds, x, timestep, options)
        conditioned = predictions[0]
        for patch in options.get("sampler_pre_cfg_function", ()):
            arguments = {"conds": conds[:2], "conds_out": predictions, "cond_scale": text, "timestep": timestep}
            predictions = patch(arguments | shared)
        positive, negative = predictions
        guided = cfg_function(model, positive, negative, text, x, timestep, options, cond=conds[0], uncond=conds[1])
        return guided if conds[2] is None else guided + guidance_term(conditioned, null, appearance)
