"""A Cue Schedule on the page of the graph editor."""

import pytest

from .schedule import add_schedule


@pytest.fixture
def schedule(editor):
    """The curve editor of one Cue Schedule node of 16 frames."""
    return add_schedule(editor)
