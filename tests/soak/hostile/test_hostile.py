"""A few of the campaign's hostile inputs: each is a clear error or a right result."""

import pytest

from ..table import Row
from .campaign import kinds_of
from .verdict import Case, explore, is_clear, verdict

KINDS = ("one input", "files of weights", "video files")


@pytest.mark.medium
@pytest.mark.parametrize("kind", KINDS)
def test_hostile_inputs_are_clear_errors_or_right_results(tmp_path, kind):
    [(_, strategy)] = [value for name, value in kinds_of(tmp_path).items() if name.startswith(kind)]
    row = Row("hostile", kind)
    explore(row, strategy, 20)
    assert row.findings == []
    assert row.number > 10


def test_an_error_is_clear_if_it_names_the_input():
    assert is_clear(ValueError("width must be 8, got 7"), ("width",))
    assert not is_clear(ValueError("got 7"), ("width",))
    assert not is_clear(TypeError("width must be 8, got 7"), ("width",))
    assert not is_clear(KeyError("width"), ("width",))


def test_what_is_wrong_is_told():
    assert verdict(Case("seven", ("width",), lambda: 7)) == ("right result", "")
    assert verdict(Case("seven", ("width",), lambda: 7, lambda result: False)).problem == "seven: a wrong result"
    assert verdict(Case("seven", ("width",), lambda: {}["a"])).problem == "seven: KeyError: 'a'"
