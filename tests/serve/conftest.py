"""A server of two tiny models, for a whole file of tests."""

from __future__ import annotations

import pytest

from tests.builders import tiny_model
from tests.serve.servers import running


@pytest.fixture(scope="session")
def tiny_folders(tmp_path_factory):
    """The tiny model as it is, and one that gives unit vectors and reads three tokens."""
    folder = tmp_path_factory.mktemp("served")
    tiny_model().save_pretrained(folder / "raw", precisions=("fp32", "int8"))
    tiny_model(normalize=True, max_length=3).save_pretrained(folder / "unit")
    return folder


@pytest.fixture(scope="module")
def server(tiny_folders, tmp_path_factory):
    place = tmp_path_factory.mktemp("server")
    with running(place, tiny_folders / "raw", f"other={tiny_folders / 'unit'}") as found:
        yield found
        assert found.errors.read_text() == ""
