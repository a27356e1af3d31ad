"""Rules for the whole repository: sizes, the folders that CONTRIBUTING.md describes, and words to avoid."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

from .files import ROOT, repository_files

FILES = [PurePosixPath(path) for path in repository_files()]
MAX_LINES = 300
MAX_MODULES = 12
MAX_BYTES = 20 * 2**20
"""Of any file: the largest are mini's weights."""
AVOIDED = re.compile(
    r"\b({})\b".format(
        "|".join(("un" + "told", "fore" + "tell", "re" + "tell", "left" + "overs?", "kno" + "bs?", "tw" + "ins?"))
    ),
    re.I,
)
MAY_USE_THEM = ("CHANGELOG.md", "higen_core/aliases.py")


def text(path: PurePosixPath) -> str:
    """The text of a file; empty for a binary one."""
    data = (ROOT / path).read_bytes()
    return "" if b"\0" in data[:8192] else data.decode("utf-8", errors="replace")


def described_folders() -> set[str]:
    """The folders of the tree in CONTRIBUTING.md, two spaces of indentation a level, without the last slash."""
    (tree,) = re.findall(r"^```\n(.*?)^```", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE | re.DOTALL)
    folders, parents = set(), []
    for indentation, names in re.findall(r"^( *)((?:[\w.-]+/,? ?)+)", tree, re.MULTILINE):
        level = len(indentation) // 2
        for name in names.replace(",", " ").split():
            parents[level:] = [name.rstrip("/")]
            folders.add("/".join(parents))
    return folders


def test_no_source_file_is_long():
    lines = {str(path): text(path).count("\n") for path in FILES if path.suffix in (".py", ".js", ".css")}
    assert_none(f"{path}: {count} lines" for path, count in lines.items() if count > MAX_LINES)


def test_no_file_is_large():
    sizes = {str(path): (ROOT / path).stat().st_size for path in FILES}
    assert_none(f"{path}: {size / 2**20:.0f} MB" for path, size in sizes.items() if size > MAX_BYTES)


def test_no_folder_has_many_modules():
    modules = Counter(str(path.parent) for path in FILES if path.suffix in (".py", ".js"))
    assert_none(f"{folder}: {count} modules" for folder, count in modules.items() if count > MAX_MODULES)


def test_contributing_names_only_folders_that_exist():
    assert_none(folder for folder in described_folders() if not (ROOT / folder).is_dir())


def test_contributing_names_every_folder_of_code():
    folders = {str(path.parent) for path in FILES if path.suffix in (".py", ".js")} - {"."}
    deep_tests = {folder for folder in folders if folder.startswith("tests/") and folder.count("/") > 1}
    assert_none(folders - deep_tests - described_folders())


def test_words_to_avoid_are_avoided():
    assert_none(
        f"{path}:{number}: {', '.join(words)}"
        for path in FILES
        if str(path) not in MAY_USE_THEM
        for number, line in enumerate(text(path).splitlines(), 1)
        if (words := AVOIDED.findall(line))
    )


def assert_none(violations: Iterable[str]) -> None:
    violations = sorted(violations)
    assert not violations, "\n" + "\n".join(violations)
