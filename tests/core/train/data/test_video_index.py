"""Data sets of videos: what is in them, and what is skipped for which reason."""

import io
import json
import tarfile

import pytest

from higen_core.train.data.video_index import PART, parts_of


def listed(data):
    """(name, caption) of the videos, and what was reported."""
    reports = []
    videos = [video for part in parts_of(str(data)) for video in part.read(lambda *report: reports.append(report))]
    return [(video.name, video.caption) for video in videos], reports


def fill(folder, **texts):
    """Empty videos, and a caption for those that have one."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.mp4").touch()
        if text is not None:
            (folder / f"{name}.txt").write_text(text, encoding="utf-8")


def tar(path, **files):
    """name__ending -> content."""
    with tarfile.open(path, "w") as out:
        for name, content in files.items():
            info = tarfile.TarInfo(name.replace("__", "."))
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    return path


def test_a_folder_is_searched_with_its_subfolders(tmp_path):
    fill(tmp_path, b="a  cat\n")
    fill(tmp_path / "more", a="ein Frosch, grün")
    (tmp_path / "notes.txt").write_text("not a video")
    assert listed(tmp_path) == (
        [(str(tmp_path / "b.mp4"), "a cat"), (str(tmp_path / "more" / "a.mp4"), "ein Frosch, grün")],
        [],
    )


def test_a_video_without_a_caption_is_reported(tmp_path):
    fill(tmp_path, a="a cat", b=None, c="  ")
    videos, reports = listed(tmp_path)
    assert [caption for _, caption in videos] == ["a cat"]
    assert reports == [
        (str(tmp_path / "b.mp4"), "there is no caption b.txt beside it"),
        (str(tmp_path / "c.mp4"), "the caption is empty or missing"),
    ]


def test_a_caption_that_is_no_text_is_reported(tmp_path):
    fill(tmp_path, a="a cat", b="b")
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe\xfa")
    videos, reports = listed(tmp_path)
    assert len(videos) == 1
    assert reports[0][0] == str(tmp_path / "b.mp4") and "decode" in reports[0][1]


def test_a_csv_names_files_from_its_own_folder(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text('file,length,caption\nclips/a.mp4,2,"a cat, running"\n,3,nothing\n', encoding="utf-8")
    videos, reports = listed(path)
    assert videos == [(str(tmp_path / "clips" / "a.mp4"), "a cat, running")]
    assert [reason for _, reason in reports] == ["the row has no file"]


def test_a_csv_without_the_columns_is_refused(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("video,caption\na.mp4,a cat\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"list\.csv has no column 'file'; its columns are video, caption"):
        parts_of(str(path))


def test_lines_of_json_that_are_broken_are_reported(tmp_path):
    path = tmp_path / "list.jsonl"
    lines = [json.dumps({"file": "a.mp4", "caption": "a cat"}), "{", "[1]", json.dumps({"file": "b.mp4"})]
    path.write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    videos, reports = listed(path)
    assert videos == [(str(tmp_path / "a.mp4"), "a cat")]
    assert [name for name, _ in reports] == lines[1:]


def test_webdataset_shards(tmp_path):
    tar(tmp_path / "d-0.tar", a__mp4=b"1", a__txt=b"a cat", b__webm=b"2", b__json=b'{"caption": "a frog"}')
    tar(tmp_path / "d-1.tar", c__mp4=b"3", d__txt=b"no video", e__mp4=b"5", e__json=b"{}", f__mp4=b"6", f__json=b"{")
    videos, reports = listed(tmp_path / "d-{0..1}.tar")
    first, second = tmp_path / "d-0.tar", tmp_path / "d-1.tar"
    assert videos == [(f"{first}: a.mp4", "a cat"), (f"{first}: b.webm", "a frog")]
    assert [name for name, _ in reports] == [f"{second}: {key}" for key in "cdef"]
    assert reports[1][1].startswith("the sample has no video")


def test_the_samples_before_the_damage_of_a_tar_are_used(tmp_path):
    whole = tar(tmp_path / "d.tar", a__mp4=b"1" * 2000, a__txt=b"a cat", b__mp4=b"2" * 2000, b__txt=b"a frog")
    whole.write_bytes(whole.read_bytes()[:5000])
    videos, reports = listed(whole)
    assert ("a cat" in dict(videos).values()) and len(videos) == 1
    assert str(whole) in reports[0][0]


def test_a_tar_that_is_not_there_is_reported(tmp_path):
    tar(tmp_path / "d-0.tar", a__mp4=b"1", a__txt=b"a cat")
    videos, reports = listed(tmp_path / "d-{0..1}.tar")
    assert len(videos) == 1
    assert reports[0][0] == str(tmp_path / "d-1.tar")


def test_many_files_are_several_parts_in_a_fixed_order(tmp_path):
    fill(tmp_path, **{f"v{i:03d}": "a cat" for i in range(PART + 1)})
    assert len(parts_of(str(tmp_path))) == 2
    assert [name for name, _ in listed(tmp_path)[0]] == sorted(str(path) for path in tmp_path.glob("*.mp4"))


@pytest.mark.parametrize(
    ("data", "message"),
    [("empty", "holds no video"), ("nowhere", "data must be an existing folder"), ("a.csv", "has no row")],
)
def test_what_holds_nothing_is_refused(tmp_path, data, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.csv").write_text("file,caption\n")
    with pytest.raises(ValueError, match=message):
        parts_of(str(tmp_path / data))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_of_a_spreadsheet_is_read(tmp_path, encoding, delimiter):
    text = f"file{delimiter}caption\r\na.mp4{delimiter}ein grüner Ball\r\n"
    (tmp_path / "clips.csv").write_bytes(text.encode(encoding))
    assert listed(tmp_path / "clips.csv") == ([(str(tmp_path / "a.mp4"), "ein grüner Ball")], [])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_captions_and_jsonl_are_read_with_their_byte_order_mark(tmp_path, encoding):
    (tmp_path / "clips.jsonl").write_bytes('{"file": "a.mp4", "caption": "ein grüner Ball"}\r\n'.encode(encoding))
    (tmp_path / "b.mp4").touch()
    (tmp_path / "b.txt").write_bytes("ein grüner Ball\r\n".encode(encoding))
    for data, name in ((tmp_path / "clips.jsonl", "a.mp4"), (tmp_path, "b.mp4")):
        assert listed(data) == ([(str(tmp_path / name), "ein grüner Ball")], [])


def test_a_caption_in_another_encoding_is_named(tmp_path):
    (tmp_path / "a.mp4").touch()
    (tmp_path / "a.txt").write_bytes("grün".encode("latin-1"))
    _, ((_, reason),) = listed(tmp_path)
    assert reason.endswith("a.txt is not text in UTF-8, byte 2 cannot be decoded as UTF-8: save it again as UTF-8")
