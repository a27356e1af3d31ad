"""Tensors for tests of files."""

import pytest

from .. import golden


@pytest.fixture(scope="module")
def vae_tensors():
    """Small random weights with the names of Stable Diffusion's autoencoder."""
    return golden.cases("vae_small_weights")
