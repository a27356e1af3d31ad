"""The sprite data set is not in what users install; who asks for it there learns where it is."""

import pytest

from .files import python


@pytest.mark.parametrize("source", ["installed", "pack"])
def test_asking_for_sprites_says_where_they_are(source, request, tmp_path):
    path = request.getfixturevalue(source)
    arguments = ("-m", "higen_core.train", "denoiser", "--data", "sprites", "--out", tmp_path / "out")
    run = python(*arguments, path=path, cwd=tmp_path)
    assert run.returncode != 0
    assert "Traceback" not in run.stderr
    assert "sprites" in run.stderr
    assert "repository under higen_core/train/" in " ".join(run.stderr.split())
    assert not (tmp_path / "out").exists()
