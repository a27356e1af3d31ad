"""What a run wrote for TensorBoard."""

from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def scalars(folder: Path, name: str) -> dict[int, float]:
    """Step -> value, from the folder of a training."""
    events = EventAccumulator(str(folder / "logs"), size_guidance={"scalars": 0}).Reload()
    return {event.step: event.value for event in events.Scalars(name)}
