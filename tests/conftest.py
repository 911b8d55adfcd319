"""Fixtures that any test may use."""

import os
from pathlib import Path

import pytest

PROJECT_ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def stanford_archive() -> Path:
    """The real archive; the test is skipped, saying so, where there is none."""
    named = os.environ.get("REVIEWS_ARCHIVE", "")
    path = Path(named) if named else PROJECT_ROOT.parent / "shared" / "data" / "aclImdb_v1.tar.gz"
    if not path.is_file():
        pytest.skip(f"the Stanford archive is not at hand: {path} (set REVIEWS_ARCHIVE to its path)")
    return path
