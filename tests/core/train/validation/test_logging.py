"""What a run logs: means of losses, speed, samples and measurements, to TensorBoard or another tracker."""

import pytest
import torch

from higen_core.train.preview import Film

from ..logged import scalars
from ..test_loop import run


def test_losses_learning_rate_and_speed_are_logged_as_means_of_some_steps(tmp_path):
    losses, _ = run(tmp_path, log_every=4)
    means = {done: sum(losses[done - 4 : done]) / 4 for done in (4, 8, 12, 16, 20)}
    assert scalars(tmp_path, "loss/squared") == pytest.approx(means, rel=1e-6)
    assert scalars(tmp_path, "lr")[4] == pytest.approx(0.05 * 0.9924, rel=1e-3)  # a cosine over the 18 steps left
    assert all(speed > 0 for speed in scalars(tmp_path, "steps per second").values())


def test_images_of_the_averaged_weights_are_kept(tmp_path):
    from PIL import Image
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run(tmp_path, sample_every=10, preview=lambda model: torch.full((4, 6, 3), 0.5 + 0 * float(model.bias.detach())))
    assert [path.name for path in sorted((tmp_path / "samples").iterdir())] == ["0000010.png", "0000020.png"]
    assert Image.open(tmp_path / "samples" / "0000020.png").getpixel((5, 3)) == (128, 128, 128)
    events = EventAccumulator(str(tmp_path / "logs")).Reload()
    assert [image.step for image in events.Images("samples")] == [10, 20]


def test_films_of_the_averaged_weights_play_in_tensorboard(tmp_path):
    from PIL import Image
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    frames = torch.linspace(0, 1, 5)[:, None, None, None].expand(5, 4, 6, 3)
    run(tmp_path, sample_every=20, preview=lambda model: Film(frames, 8))
    path = tmp_path / "samples" / "0000020.gif"
    film = Image.open(path)
    assert (film.n_frames, film.size, film.info["duration"]) == (5, (6, 4), 120)  # GIFs count in hundredths
    [image] = EventAccumulator(str(tmp_path / "logs")).Reload().Images("samples")
    assert (image.encoded_image_string, image.width, image.height) == (path.read_bytes(), 6, 4)


def test_the_averaged_weights_are_measured_every_few_steps_without_an_effect_on_the_training(tmp_path):
    def evaluate(model):
        return {"held_out/mean": float(torch.rand(()) * 0 + model.bias.detach())}

    losses, exported = run(tmp_path / "a", eval_every=10, every=10, evaluate=evaluate)
    measured = scalars(tmp_path / "a", "held_out/mean")
    assert list(measured) == [10, 20]
    assert measured[20] == pytest.approx(exported[-1][2].item(), rel=1e-5)
    assert losses == run(tmp_path / "b")[0]


def test_entries_go_to_another_tracker_of_accelerate_by_its_name(tmp_path):
    from accelerate.tracking import GeneralTracker, register_tracker_class

    class Lines(GeneralTracker):
        name, requires_logging_directory, main_process_only = "lines", False, True
        written: list = []

        def __init__(self, run_name, **_):
            super().__init__()
            self.written.append(run_name)

        @property
        def tracker(self):
            return self.written

        def store_init_configuration(self, values):
            self.written.append(values)

        def log(self, values, step=None, **_):
            self.written.append((step, values))

    register_tracker_class(Lines)
    losses, _ = run(tmp_path, 4, log_every=2, tracker="lines")
    name, options, *entries = Lines.written
    assert name == "higen" and options["lr"] == "0.05"
    assert [step for step, _ in entries] == [2, 4]
    assert entries[0][1]["loss/squared"] == pytest.approx(sum(losses[:2]) / 2)
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize(
    ("tracker", "message"), [("notes", "tracker must be one of .*wandb"), ("aim", "aim.* is not installed")]
)
def test_a_tracker_that_cannot_be_used_is_named(tmp_path, tracker, message):
    with pytest.raises(ValueError, match=message):
        run(tmp_path, tracker=tracker)
