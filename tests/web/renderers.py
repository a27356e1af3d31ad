"""Tests of what is the same in both renderers run with one of them; with the other one they are slow."""

import pytest


def _mostly(fast: str, slow: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "renderer", [fast, pytest.param(slow, marks=pytest.mark.slow)], indirect=True, scope="module"
    )


MOSTLY_CLASSIC = _mostly("litegraph", "vue")
MOSTLY_NODES_2 = _mostly("vue", "litegraph")
