"""The plot of both cues."""

from higen_core import Cues, plot_cues


def test_the_plot_is_an_rgb_image():
    image = plot_cues(Cues.constant(16))
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert 0 <= image.min() < image.max() <= 1


def test_the_plot_marks_cuts():
    cues = Cues.constant(16)
    assert (plot_cues(cues, cuts=(7,)) != plot_cues(cues)).any()
