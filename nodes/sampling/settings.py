"""Values of inputs that stand for what suits the model, and what the node says of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from ... import higen_core as hg
from ...higen_core.cues.curves import MOTION_MAX, Curve, EvaluatedCurve
from ..output.curve_value import CurveValue

MODEL_CHOICE = "model default"
"""Choice of a combo that stands for the model's value. Saved workflows contain it, so it must not change."""
OF_MODEL = {"steps": 0, "sampler": MODEL_CHOICE, "cfg": -1.0, "frames": 0, "fps": 0.0, "motion": -1, "appearance": -1.0}
"""Defaults of inputs, which stand for the model's value: 0, or -1 where 0 is a value of its own."""


def stands_for_model(name: str, value: Any) -> bool:
    """Whether an input of this name has the value that stands for the model's; any negative cfg or cue does."""
    default = OF_MODEL.get(name, 0)
    return value < 0 if default in (-1, -1.0) else value == default


def of_model(values: dict[str, Any], recommended: dict[str, Any]) -> tuple[dict[str, Any], dict[str, list]]:
    """Replaces the values that stand for the model's.

    Args:
        values: of inputs, by name.
        recommended: the model's, by the same names.

    Returns:
        all values, and the ui entry with those that were replaced, which the graph editor shows on the node.
    """
    replaced = {name: recommended[name] for name, value in values.items() if stands_for_model(name, value)}
    return values | replaced, {"higen_defaults": [replaced]}


@dataclass(frozen=True, eq=False)
class CueRequest:
    """HIGEN_CUES of a schedule that has values of the model, before the model is known.

    Attributes:
        frames: length of the clip; 0 for that of the training clips.
        motion, appearance: CURVEs; None for the model's constant.
        motion_from, appearance_from, motion_strength, appearance_strength: see `hg.blend_cues`.
        mask: MASK where these cues hold, (1 or frames, h, w); None for everywhere.
        outside: cues for the rest of the image; None is still.
    """

    frames: int
    motion: Any
    appearance: Any
    motion_from: HigenCues = None
    appearance_from: HigenCues = None
    motion_strength: float = 1.0
    appearance_strength: float = 1.0
    mask: torch.Tensor | None = None
    outside: HigenCues = None

    @property
    def of_model(self) -> list[str]:
        """Names of the inputs whose value is the model's, also of blended cues."""
        own = {"frames": self.frames == 0, "motion": self.motion is None, "appearance": self.appearance is None}
        links = ("motion_from", "appearance_from", "outside")
        blended = {name: isinstance(getattr(self, name), CueRequest) for name in links}
        return [name for name, unknown in (own | blended).items() if unknown]

    def complete(self, info: hg.ModelInfo) -> CueRequest:
        """The request with the values of the model; `cues` makes cues of it."""
        sampling = info.sampling
        return replace(
            self,
            frames=self.frames or info.frames,
            motion=_or_constant(self.motion, sampling.motion / MOTION_MAX),
            appearance=_or_constant(self.appearance, sampling.appearance),
            motion_from=None if self.motion_from is None else resolve_cues(self.motion_from, info),
            appearance_from=None if self.appearance_from is None else resolve_cues(self.appearance_from, info),
            outside=None if self.outside is None else resolve_cues(self.outside, info),
        )

    def cues(self) -> hg.Cues:
        """The cues, if nothing is the model's.

        Raises:
            ValueError: a value is the model's, fewer than 2 frames, or a mask that does not fit; the message names the
                input.
        """
        if names := self.of_model:
            raise ValueError(no_model(names))
        if self.frames < 2:
            raise ValueError(f"frames must be 0, as the model says, or at least 2, got {self.frames}")
        cues = hg.blend_cues(
            hg.Cues.from_curves(
                EvaluatedCurve(self.motion.interp_array, "motion_curve_from"),
                EvaluatedCurve(self.appearance.interp_array, "appearance_curve_from"),
                self.frames,
            ),
            self.motion_from,
            self.appearance_from,
            motion_strength=self.motion_strength,
            appearance_strength=self.appearance_strength,
        )
        return cues if self.mask is None else cues.masked(self.mask.float().cpu(), self.outside)


HigenCues = hg.Cues | CueRequest | None
"""What a link of type HIGEN_CUES carries; None where it is absent, muted or bypassed."""


def _or_constant(curve: Any, y: float) -> Any:
    return CurveValue(Curve.constant(y)) if curve is None else curve


def no_model(names: list[str]) -> str:
    """What to do about inputs that are the model's while no model is connected."""
    listed = ", ".join(names)
    return f"{listed}: as the model says, but no model is connected. Connect HiGen Loader to model, or set {listed}"


def resolve_cues(cues: HigenCues, info: hg.ModelInfo) -> hg.Cues:
    """The cues for a model: its own where there are none."""
    if cues is None:
        return hg.Cues.recommended(info)
    return cues.complete(info).cues() if isinstance(cues, CueRequest) else cues


def cues_note(cues: HigenCues, info: hg.ModelInfo) -> dict[str, list]:
    """The ui entry that says which cues are used if none are connected."""
    text = "No cues are connected: those of the model, {frames} frames, motion {motion}, appearance {appearance}"
    values = {"frames": info.frames, "motion": info.sampling.motion, "appearance": info.sampling.appearance}
    return note(text, **values) if cues is None else {"higen_notes": []}


def note(text: str, **values: Any) -> dict[str, list]:
    """The ui entry of a text that the graph editor shows on the node, in its language, with {name} replaced."""
    return {"higen_notes": [{"text": text, "values": values}]}


def cues_without_model(cues: HigenCues) -> hg.Cues:
    """The cues, if they need no model; otherwise raises ValueError."""
    if cues is None:
        raise ValueError(no_model(["cues"]))
    return cues.cues() if isinstance(cues, CueRequest) else cues
