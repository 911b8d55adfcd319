"""What is known of files: where each was seen with which content, and which contents were scored or refused.

Each function opens the warehouse once and closes it; thousands of files cost one query.
"""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from tasks.inbox import FoundFile, SourceFile
from tasks.warehouse import open_warehouse

_RECORD_SEEN = """
INSERT INTO inbox_files (uri, size, mtime_ns, source_sha256, first_seen, last_seen)
SELECT uri, size, mtime_ns, source_sha256, now(), now() FROM seen
ON CONFLICT (uri) DO UPDATE SET
    size = excluded.size, mtime_ns = excluded.mtime_ns, source_sha256 = excluded.source_sha256,
    last_seen = excluded.last_seen
"""


def read_known_hashes(warehouse: Path, files: Sequence[FoundFile]) -> dict[str, str]:
    """Give the sha256 by uri of those `files` that were seen before with the same size and time."""
    if not files:
        return {}
    with open_warehouse(warehouse, write=False) as connection:
        connection.register("found", _tabulate(files))
        query = "SELECT uri, source_sha256 FROM found JOIN inbox_files USING (uri, size, mtime_ns)"
        return dict(connection.execute(query).fetchall())


def record_seen(warehouse: Path, files: Sequence[SourceFile]) -> None:
    """Keep where each file was seen just now, with which size, time and content; one row per uri."""
    if not files:
        return
    hashes = pa.array([file.source_sha256 for file in files], pa.string())
    with open_warehouse(warehouse, write=True) as connection:
        connection.register("seen", _tabulate(files).append_column("source_sha256", hashes))
        connection.execute(_RECORD_SEEN)


def find_unseen_sources(
    warehouse: Path, files: Sequence[SourceFile], retry_refused: bool = False
) -> list[SourceFile]:
    """Give the files, in order, whose content no model has scored and no rule refused; of copies, the first.

    With `retry_refused`, contents that were refused and never scored are given too.
    """
    firsts = {file.source_sha256: file for file in reversed(files)}
    if not firsts:
        return []
    done = ("scored",) if retry_refused else ("scored", "refused")
    with open_warehouse(warehouse, write=False) as connection:
        connection.register("asked", pa.table({"source_sha256": list(firsts)}))
        query = "SELECT DISTINCT source_sha256 FROM asked JOIN scored_files USING (source_sha256)"
        rows = connection.execute(f"{query} WHERE list_contains(?, status)", [list(done)]).fetchall()
    known = {sha256 for (sha256,) in rows}
    return [file for file in files if file.source_sha256 not in known and firsts[file.source_sha256] is file]


def _tabulate(files: Sequence[FoundFile] | Sequence[SourceFile]) -> pa.Table:
    return pa.table(
        {
            "uri": pa.array([file.uri for file in files], pa.string()),
            "size": pa.array([file.size for file in files], pa.int64()),
            "mtime_ns": pa.array([file.mtime_ns for file in files], pa.int64()),
        }
    )
