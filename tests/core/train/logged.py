"""What a run wrote for TensorBoard."""

from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def scalars(folder: Path, name: str) -> dict[int, float]:
    """Step -> value, from the folder of a training.

    Each file is read by itself: TensorBoard sorts those of one second by a number as if it were text, 10 before 9, and
    then takes the later one for a restart.
    """
    values = {}
    for file in sorted((folder / "logs").rglob("events.out.tfevents.*"), key=lambda file: file.stat().st_mtime_ns):
        events = EventAccumulator(str(file), size_guidance={"scalars": 0}).Reload()
        if name in events.Tags()["scalars"]:
            values |= {event.step: event.value for event in events.Scalars(name)}
    return values
