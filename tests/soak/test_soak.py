"""A short form of the campaign; `python -m tests.soak` is the whole one."""

import sys

import pytest

from . import clients, disk, kills, runs, training
from .hostile import through_server
from .table import Row, markdown, read_json, write_json

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's /proc and signals"),
    pytest.mark.medium,
]
SHARE = 0.1
"""By which the memory of a server may grow in a few runs: caches are still filled."""


def findings(rows: list[Row]) -> list[str]:
    return [finding for row in rows for finding in row.findings]


@pytest.mark.slow
def test_queued_runs_end_as_they_should_and_leave_nothing_behind(server):
    assert findings(runs.rows_of(server, 12, growth=SHARE)) == []


def test_results_reach_the_client_who_asked(server):
    assert findings(clients.rows_of(server, 1)) == []


def test_mutated_prompts_give_errors_that_name_the_input(server):
    assert findings(through_server.rows_of(server, 6)) == []


@pytest.mark.slow
def test_a_killed_server_leaves_no_half_file(tmp_path):
    assert findings(kills.campaign(tmp_path, 1)) == []


@pytest.mark.skipif(not disk.can_mount(), reason="mounting a file system needs root")
def test_a_full_disk_leaves_no_half_file(tmp_path):
    assert findings(disk.campaign(tmp_path, 1)) == []


@pytest.mark.slow
def test_a_killed_training_goes_on_as_if_nothing_had_happened(tmp_path):
    assert findings(training.campaign(tmp_path, 1)) == []


def test_the_table_lists_rows_and_findings(tmp_path):
    row = Row("kills", "a server")
    row.count()
    row.count("half a file")
    table = markdown([row]).splitlines()
    assert table[-3:] == ["| kills | a server | 2 | 1 |  |", "", "- kills, a server: half a file"]
    write_json(tmp_path / "result.json", [row])
    assert read_json(tmp_path / "result.json") == [row]
