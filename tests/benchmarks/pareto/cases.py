"""The prompts of the comparison, with their cues and noise: the same for the same number, in any run."""

from __future__ import annotations

from dataclasses import dataclass

from higen_core import Cues
from higen_core.train.sprites.evaluation.benchmark import held_out_scenes
from higen_core.train.sprites.evaluation.metrics import CALM, STRAIGHT
from higen_core.train.sprites.evaluation.motion import constant_look, motion_curves
from higen_core.train.sprites.scenes import FRAMES, Scene

SEED = 0


@dataclass(frozen=True, eq=False)
class Case:
    """One video to sample. `number` seeds its noise; `kind` names its cues."""

    number: int
    kind: str
    scene: Scene
    prompt: str
    cues: Cues

    @property
    def last_object(self) -> str:
        """What the last frame is to show; "" where a fading color leaves it without a name."""
        return {"fade": "", "turn": self.scene.target}.get(self.scene.change, self.scene.object)


def cases(count: int) -> list[Case]:
    """Prompts of held-out scenes, in turn with the constants and schedules of motion of the evaluation and with
    changes of appearance. Fewer cases are the first of more."""
    kinds = {name: constant_look(motion) for name, motion in motion_curves([]).items()}
    kinds |= {change: Cues.constant(FRAMES, CALM, 1.0) for change in ("fade", "turn")}
    straight = iter(_scenes(count, SEED, **STRAIGHT))
    changing = {
        change: iter(_scenes(count, SEED + 2, motion=("move",), change=(change,))) for change in ("fade", "turn")
    }
    names, drawn = list(kinds), []
    for number in range(count):
        kind = names[number % len(names)]
        scene, prompt = next(changing.get(kind, straight))
        drawn.append(Case(number, kind, scene, prompt, kinds[kind]))
    return drawn


def _scenes(count: int, seed: int, **choices: tuple[str, ...]) -> list[tuple[Scene, str]]:
    return list(zip(*held_out_scenes(count, seed, **choices), strict=True))
