"""Long videos and loops of mini: no visible borders, no drift, no seam. tests/benchmarks/length.py measures more."""

import pytest

from ...benchmarks.length import Clips


@pytest.mark.slow
def test_a_long_video_has_no_borders_and_does_not_drift():
    clips = Clips(1)
    figures = clips.figures(clips.video(clips.priors, 48), loop=False)
    assert figures["border"] <= 1.3
    assert (figures["object"], figures["background"]) == (1, 1)
    assert figures["drift_end"] <= figures["drift_start"] + 0.02


@pytest.mark.slow
def test_a_loop_has_no_seam():
    clips = Clips(2)
    assert clips.figures(clips.video(clips.priors, 16, loop=True), loop=True)["seam"] <= 1.3
    assert clips.figures(clips.video(clips.priors, 16), loop=True)["seam"] > 2
