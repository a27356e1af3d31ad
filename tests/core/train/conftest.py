import pytest


@pytest.fixture(autouse=True)
def fresh_accelerate():
    """Accelerate keeps the precision and the processes of the first training for all later ones of a process."""
    from accelerate.state import AcceleratorState

    yield
    AcceleratorState._reset_state(reset_partial_state=True)
