"""Files of a run: complete or absent, never in place of another file, whatever else saves into the folder."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import folder_paths
import pytest
from higen_pack.nodes.output import saved_files
from higen_pack.nodes.output.saved_files import destination, publish, unfinished


@pytest.fixture
def output(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "output_directory", str(tmp_path))
    return tmp_path


def save(endings, content=b"new", place=None) -> list[str]:
    place = place or destination("clip", 64, 64, endings[-1])
    with unfinished(place) as hidden:
        for ending in endings:
            (hidden / ending).write_bytes(content)
        return publish(place, [hidden / ending for ending in endings])


PNG = [f"_{i:04}.png" for i in range(5)]


@pytest.mark.parametrize("endings", [["_.mp4"], PNG])
def test_two_servers_that_chose_the_same_number_get_two(output, endings):
    places = [destination("clip", 64, 64, endings[-1]) for _ in range(2)]
    names = [save(endings, place=place) for place in places]
    assert names == [[f"clip_0000{number}{ending}" for ending in endings] for number in (1, 2)]
    assert sorted(os.listdir(output)) == sorted(names[0] + names[1])


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("endings", [["_.mp4"], PNG])
def test_runs_at_the_same_time_lose_nothing(output, monkeypatch, links, endings):
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    with ThreadPoolExecutor(8) as pool:
        names = sum(pool.map(lambda i: save(endings, str(i).encode()), range(24)), [])
    assert len(set(names)) == 24 * len(endings)
    assert sorted(os.listdir(output)) == sorted(names)
    stems = {name[:10]: (output / name).read_bytes() for name in names}
    assert len(set(stems.values())) == 24
    assert all((output / name).read_bytes() == stems[name[:10]] for name in names)


def no_links(*_):
    raise PermissionError("Operation not permitted")


def test_a_set_takes_a_number_at_which_all_its_names_are_free(output):
    place = destination("clip", 64, 64, PNG[-1])
    (output / "clip_00001_0003.png").write_bytes(b"old")
    assert save(PNG, place=place)[0] == "clip_00002_0000.png"
    assert sorted(path.name for path in output.glob("clip_00001*")) == ["clip_00001_0003.png"]
    assert (output / "clip_00001_0003.png").read_bytes() == b"old"


def test_a_full_disk_leaves_nothing(output, monkeypatch):
    real = os.link

    def full(source, target):
        if str(target).endswith("3.png"):
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "link", full)
    monkeypatch.setattr(saved_files.Path, "touch", lambda *_, **__: full(_, "3.png"))
    with pytest.raises(OSError, match="No space left"):
        save(PNG)
    assert os.listdir(output) == []


def kill(output, links: bool, count: int, named: int) -> None:
    """A process that saves a set of files and is killed after some of them have their final names."""
    child = os.fork()
    if not child:
        try:
            save_and_die("link" if links else "replace", count, named)
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    claimed = not links and named < count
    assert len(list(output.glob("clip_*"))) == named + claimed


def save_and_die(function: str, count: int, named: int) -> None:
    real, done = getattr(os, function), []

    def name(source, target):
        if len(done) == named:
            os.kill(os.getpid(), signal.SIGKILL)
        done.append(target)
        real(source, target)
        if len(done) == count == named:
            os.kill(os.getpid(), signal.SIGKILL)

    os.link = no_links
    setattr(os, function, name)
    with unfinished(destination("clip", 64, 64, PNG[-1])) as hidden:
        for ending in PNG[:count]:
            (hidden / ending).write_bytes(b"killed")
        publish(destination("clip", 64, 64, PNG[-1]), [hidden / ending for ending in PNG[:count]])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize(("links", "count", "named"), [(1, 5, 0), (1, 5, 3), (0, 5, 0), (0, 5, 3), (0, 1, 0)])
def test_what_a_killed_run_leaves_is_removed_by_the_next(output, links, count, named):
    kill(output, links, count, named)
    names = save(PNG)
    assert sorted(os.listdir(output)) == names


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("links", [True, False])
def test_a_set_that_was_complete_when_its_run_was_killed_stays(output, links):
    kill(output, links, count=5, named=5)
    assert sorted(os.listdir(output))[-5:] == [f"clip_00001{ending}" for ending in PNG]
    save(PNG)
    assert [(output / f"clip_00001{ending}").read_bytes() for ending in PNG] == [b"killed"] * 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_file_of_an_incomplete_set_that_somebody_has_replaced_stays(output):
    kill(output, links=False, count=5, named=3)
    replaced = output / "clip_00001_0001.png"
    replaced.write_bytes(b"of a user")
    save(PNG)
    assert sorted(output.glob("clip_00001*")) == [replaced]
    assert replaced.read_bytes() == b"of a user"


def test_a_name_that_a_file_cannot_get_is_given_back(output, monkeypatch):
    def broken(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(OSError, match="Input/output"):
        save(PNG)
    assert os.listdir(output) == []


def test_a_file_whose_name_was_given_although_an_error_says_no_stays(output, monkeypatch):
    """A network share renames it, and its answer is lost."""
    real = os.replace

    def late(source, target):
        real(source, target)
        raise OSError(110, "Connection timed out")

    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(os, "replace", late)
    with pytest.raises(OSError, match="timed out"):
        save(PNG[:1])
    assert os.listdir(output) == [f"clip_00001{PNG[0]}"]


def test_a_failed_set_leaves_no_record_by_which_files_of_others_would_be_removed(output, monkeypatch):
    real, done = os.link, []

    def cancelled(source, target):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(target)
        real(source, target)

    with unfinished(destination("clip", 64, 64, PNG[-1])) as hidden:
        for ending in PNG:
            (hidden / ending).write_bytes(b"failed")
        monkeypatch.setattr(os, "link", cancelled)
        with pytest.raises(KeyboardInterrupt):
            publish(destination("clip", 64, 64, PNG[-1]), [hidden / ending for ending in PNG])
        assert sorted(os.listdir(hidden)) == sorted(PNG)


def test_only_abandoned_files_are_removed(output):
    place = destination("clip", 64, 64, "_.mp4")
    (output / ".video_00001_.part.mp4").touch()  # of an earlier version of the pack, and perhaps still written
    (output / ".video_00002_.part.mp4").touch()
    (output / ".notes.part.mp4").touch()
    old = time.time() - 2 * saved_files.DAY
    for name in (".video_00002_.part.mp4", ".notes.part.mp4"):
        os.utime(output / name, (old, old))
    (output / ".higen-00000000-1-abcdef01.part").mkdir()  # of another machine
    with unfinished(place) as hidden:
        save(["_.mp4"])
        assert hidden.is_dir()
    kept = {".video_00001_.part.mp4", ".notes.part.mp4", ".higen-00000000-1-abcdef01.part", "clip_00001_.mp4"}
    assert set(os.listdir(output)) == kept
