"""Fixtures of the tests of ComfyUI's own nodes."""

import pytest

from .graphs import VideoGraph, sampled


@pytest.fixture
def graph():
    return VideoGraph()


@pytest.fixture(scope="session")
def plain(server):
    """The video of KSampler with nothing between it and the loader."""
    graph = VideoGraph()
    return sampled(server, graph, graph.ksampler())[0]
