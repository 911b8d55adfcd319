"""Tests of files moved to `scored/`, also after a restore of an older database."""

from pathlib import Path

from data_contracts.storage.home import Home
from tasks.maintenance.retention import bring_back
from tasks.warehouse.commit import commit_parts
from tests.support.warehouse_parts import PartFile, write_part


def test_a_moved_file_that_the_restored_database_has_as_refused_goes_back_to_the_inbox(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path / "home")
    files = [PartFile("scored.csv", [{}]), PartFile("refused.csv", status="refused")]
    commit_parts(home.warehouse, write_part(tmp_path / "part", files))
    day = home.scored / "2026-03-01"
    day.mkdir(parents=True)
    for name in ("scored.csv", "refused.csv", "unknown.csv"):
        # A part names the content of a file by its name.
        (day / name).write_text(name)
    assert bring_back(home) == 2
    assert sorted(path.name for path in home.inbox.iterdir()) == ["refused.csv", "unknown.csv"]
