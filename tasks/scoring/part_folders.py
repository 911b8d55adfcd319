"""Writes and checks parts: folders of Parquet files, named like the tables that a commit adds them to.

A part is built under a temporary name, and renamed when it is complete and checked. So any folder with the name of a
part may be committed. Nothing here opens the database, so several parts can be built at the same time.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_contracts.expectations import CheckResult
from data_contracts.part_schemas import CHECKS, PART_SCHEMAS
from data_contracts.scored_reviews import check_scored_rows
from data_contracts.storage.durable import put_in_place, remove_leftovers, start_folder
from data_contracts.storage.faults import pass_fault_point
from tasks.warehouse.run_log import make_check_rows

_REPEATED = ["source_sha256", "uri", "member", "model_id", "run_id", "sentiment"]
"""Columns with few different values, which are dictionary-encoded."""

Write = Callable[[str, pa.Table], None]
"""Called with a table's name and rows: appends the rows to the file of that name in a part."""


@dataclass(frozen=True)
class Part:
    """The two paths of a part."""

    building: Path
    """The temporary folder, until `keep_part` is called; the next run deletes one that is left over."""
    folder: Path
    """The folder from then on."""


def start_part(parts_dir: Path, model_id: str, sources: Sequence[str]) -> Part:
    """Create the empty temporary folder in which the part of files is built, named by the model and their sha256."""
    folder = parts_dir / sha256("\n".join([model_id, *sources]).encode()).hexdigest()[:24]
    return Part(start_folder(folder), folder)


@contextmanager
def open_part(part: Part) -> Iterator[Write]:
    """Open the files of a part with the rows for writing; yield the function that appends rows to one of them.

    A part is read only once, so compressing the texts would cost more than it saves.
    """
    with ExitStack() as stack:
        options = {"compression": "none", "use_dictionary": _REPEATED, "write_page_checksum": True}
        writers = {
            name: stack.enter_context(pq.ParquetWriter(part.building / f"{name}.parquet", schema, **options))
            for name, schema in PART_SCHEMAS.items()
        }
        yield lambda name, rows: writers[name].write_table(rows)


def check_part(
    part: Part, rows_read: Mapping[str, int], rows_left_out: Mapping[str, int]
) -> list[CheckResult]:
    """Check the scores of the sources in `rows_read` against the contract `scored_reviews`.

    `rows_read` and `rows_left_out` count, by source sha256, the rows that were read and those without a score.
    """
    if not rows_read:
        return []
    scored = pq.read_table(part.building / "scored_reviews.parquet")
    is_checked = pc.is_in(scored["source_sha256"], value_set=pa.array(list(rows_read), pa.string()))
    return check_scored_rows(scored.filter(is_checked), rows_read, rows_left_out)


def add_checks(part: Part, run_id: str, checks: Sequence[CheckResult]) -> None:
    """Write the results of a run's checks into a part, which is committed with them."""
    pq.write_table(make_check_rows(run_id, checks), part.building / f"{CHECKS}.parquet")


def keep_part(part: Part) -> Path:
    """Rename a part that passed its checks to its final name, and return that path; the part may then be committed."""
    put_in_place(part.building, part.folder, replace=True)
    pass_fault_point("score: part written")
    return part.folder


def is_undamaged(part_dir: Path) -> bool:
    """Return whether the files of a part can be read and every page has its checksum."""
    try:
        for name in PART_SCHEMAS:
            with pq.ParquetFile(part_dir / f"{name}.parquet", page_checksum_verification=True) as file:
                for _ in file.iter_batches():
                    pass
    except (OSError, pa.ArrowException):
        return False
    return True


def find_waiting(parts_dir: Path, report: Callable[[Path, str], object]) -> Iterator[Path]:
    """Yield complete leftover parts; delete unfinished and damaged ones, and report the damaged ones.

    The caller must hold the lock of `parts_dir`.
    """
    remove_leftovers(parts_dir, held=True)
    for part_dir in sorted(path for path in parts_dir.glob("*") if path.is_dir()):
        if is_undamaged(part_dir):
            yield part_dir
        else:
            report(part_dir, "was damaged")
            shutil.rmtree(part_dir)


def list_uris(part_dir: Path) -> list[str]:
    """Return the names of the files of a part."""
    names: list[str] = pq.read_table(part_dir / "scored_files.parquet", columns=["uri"])["uri"].to_pylist()
    return names
