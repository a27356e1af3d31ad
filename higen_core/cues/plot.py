"""A plot of both cues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .cues import Cues
from .curves import MOTION_MAX

if TYPE_CHECKING:
    import numpy as np


def plot_cues(cues: Cues, fps: float = 8.0, cuts: Sequence[int] = ()) -> np.ndarray:
    """Both cues as an RGB image (h, w, 3), float32 in [0, 1]: motion over time, and appearance as a heat map.

    Args:
        cues: of any number of frames.
        fps: frames per second, for the time axis.
        cuts: motion steps (indices into `cues.motion`) to mark as scene cuts, such as `ExtractedCues.cuts`.
    """
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 4.0), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    motion_axes, appearance_axes = figure.subplots(1, 2, width_ratios=(3, 2))
    seconds = (np.arange(cues.frames - 1) + 0.5) / fps
    motion_axes.plot(seconds, cues.motion.numpy(), marker="o", markersize=3, color="#e07b00")
    motion_axes.set(xlabel="time (s)", ylabel="motion (0 to 1000)", ylim=(-20, MOTION_MAX + 20), title="Motion cue")
    for i, cut in enumerate(cuts):
        motion_axes.axvline(seconds[cut], color="#444444", linestyle="--", label=None if i else "scene cut")
    if cuts:
        motion_axes.legend(loc="upper right")
    motion_axes.grid(alpha=0.3)
    heat_map = appearance_axes.imshow(cues.appearance.numpy(), vmin=0, vmax=1, cmap="viridis")
    appearance_axes.set(xlabel="frame", ylabel="frame", title="Appearance cue")
    figure.colorbar(heat_map, ax=appearance_axes, label="similarity (0 to 1)")
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype(np.float32) / 255
