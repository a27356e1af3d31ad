"""Curves on links in a running ComfyUI: from schedule to schedule, and through Curve Editor where there is one."""

import pytest
from PIL import Image

POINTS = [[0.0, 0.1], [0.37, 0.9], [1.0, 0.2]]
DRAWN = '{"points": [[0, 0.1], [0.37, 0.9], [1, 0.2]], "interpolation": "monotone_cubic"}'


def schedule(**inputs):
    return {"class_type": "HiGenCueSchedule", "inputs": {"frames": 16, "motion": 500, "appearance": 1.0} | inputs}


def plots(server, **schedules):
    """The plots of schedules as bytes of their pixels, by name."""
    preview = {
        f"plot {name}": {"class_type": "PreviewImage", "inputs": {"images": [name, 1]}}
        for name, node in schedules.items()
        if node["class_type"] == "HiGenCueSchedule"
    }
    run = server.run(schedules | preview)
    assert run.ending == "success", run.error
    files = {name: server.output_path(run.outputs[name]["images"][0]) for name in preview}
    return {name.removeprefix("plot "): Image.open(path).tobytes() for name, path in files.items()}


def test_a_curve_goes_from_schedule_to_schedule(server):
    drawn = schedule(motion_curve=DRAWN, appearance_curve=DRAWN)
    got = plots(
        server,
        drawn=drawn,
        connected=schedule(motion_curve_from=["drawn", 2], appearance_curve_from=["drawn", 3]),
        constant=schedule(),
    )
    assert got["connected"] == got["drawn"] != got["constant"]


def test_a_curve_may_be_a_value_in_an_api_prompt(server):
    value = {"points": POINTS, "interpolation": "monotone_cubic"}
    got = plots(server, drawn=schedule(motion_curve=DRAWN), given=schedule(motion_curve_from=value))
    assert got["given"] == got["drawn"]


def test_curve_editor_draws_for_a_schedule_and_takes_its_curve(server):
    if "CurveEditor" not in server.object_info():
        pytest.skip("this ComfyUI has no Curve Editor")
    got = plots(
        server,
        drawn=schedule(motion_curve=DRAWN),
        editor={"class_type": "CurveEditor", "inputs": {"curve": {"points": POINTS}}},
        edited=schedule(motion_curve_from=["editor", 0]),
        second={"class_type": "CurveEditor", "inputs": {"curve": ["drawn", 2]}},
        passed=schedule(motion_curve_from=["second", 0]),
    )
    assert got["drawn"] == got["edited"] == got["passed"]


def test_a_malformed_curve_is_refused_by_the_name_of_its_input(server):
    node = schedule(motion_curve_from={"points": [[0, 0], [1, 7]]})
    run = server.run({"a": node, "b": {"class_type": "PreviewImage", "inputs": {"images": ["a", 1]}}})
    assert run.ending == "error"
    assert "motion_curve_from: y of curve point 1" in run.error
