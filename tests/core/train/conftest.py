from pathlib import Path

import pytest

from . import tiny


@pytest.fixture(autouse=True)
def fresh_accelerate():
    """Accelerate keeps the precision and the processes of the first training for all later ones of a process."""
    from accelerate.state import AcceleratorState

    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="session")
def videos(tmp_path_factory) -> Path:
    """A folder of three captioned videos."""
    return tiny.films(tmp_path_factory.mktemp("videos"))
