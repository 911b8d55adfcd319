"""Fixtures that any test may use."""

import os
from pathlib import Path

import pytest

PROJECT_ROOT = Path(__file__).parents[1]


@pytest.hookimpl(tryfirst=True)  # before the plugin that reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests that share costly fixtures in one process: those of a file, and all end-to-end tests but one file."""
    for item in items:
        shares_demo = "e2e" in item.path.parts and item.path.name != "test_faults.py"
        group = "e2e" if shares_demo else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def stanford_archive() -> Path:
    """The real archive; the test is skipped, saying so, where there is none."""
    named = os.environ.get("REVIEWS_ARCHIVE", "")
    path = Path(named) if named else PROJECT_ROOT.parent / "shared" / "data" / "aclImdb_v1.tar.gz"
    if not path.is_file():
        pytest.skip(f"the Stanford archive is not at hand: {path} (set REVIEWS_ARCHIVE to its path)")
    return path
