"""Fixtures for tests of the pack in a running server."""

import pytest


@pytest.fixture(scope="session")
def info(server):
    """The schemas of this pack's nodes by node id, as the graph editor gets them."""
    return {key: node for key, node in server.object_info().items() if node["category"].startswith("HiGen")}
