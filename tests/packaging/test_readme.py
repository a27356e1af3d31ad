"""README.md: short, with links that lead somewhere and an example that runs as it is written."""

import re

import pytest

from .files import ROOT, python, repository_files

README = (ROOT / "README.md").read_text(encoding="utf-8")
MARKDOWN = [path for path in repository_files() if path.endswith(".md") and not path.startswith("nodes/web/docs/")]
CHECKS = """
array = frames.numpy()
assert array.shape == (1, 16, 64, 64, 3), array.shape
assert 0 <= array.min() < array.max() <= 1
assert not any(weight.requires_grad for network in (unet, vae, clip) for weight in network.parameters())
print(hg.__file__)
"""


def test_the_readme_has_fewer_than_1000_words():
    assert len(README.split()) < 1000


def test_the_example_runs_word_for_word_from_another_folder(installed, tmp_path):
    (example,) = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    run = python("-c", example + CHECKS, path=installed, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == str(installed / "higen_core" / "__init__.py")


@pytest.mark.parametrize("path", MARKDOWN)
def test_links_lead_to_files_of_the_repository(path):
    text = re.sub(r"^```.*?^```", "", (ROOT / path).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert [link for link in links if link and not (ROOT / path).parent.joinpath(link).exists()] == []
