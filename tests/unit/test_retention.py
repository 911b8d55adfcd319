"""Files that were moved as scored, and what becomes of them when the database is put back to before that."""

from pathlib import Path

from tasks.maintenance.retention import bring_back
from tasks.warehouse.commit import commit_parts
from tests.support.warehouse_parts import PartFile, write_part


def test_a_moved_file_that_the_restored_database_has_as_refused_goes_back_to_the_inbox(
    tmp_path: Path,
) -> None:
    warehouse, scored, inbox = tmp_path / "home" / "reviews.duckdb", tmp_path / "scored", tmp_path / "inbox"
    files = [PartFile("scored.csv", [{}]), PartFile("refused.csv", status="refused")]
    commit_parts(warehouse, write_part(tmp_path / "part", files))
    (scored / "2026-03-01").mkdir(parents=True)
    for name in ("scored.csv", "refused.csv", "unknown.csv"):
        # A part names the content of a file by its name.
        (scored / "2026-03-01" / name).write_text(name)
    assert bring_back(warehouse, scored, inbox) == 2
    assert sorted(path.name for path in inbox.iterdir()) == ["refused.csv", "unknown.csv"]
