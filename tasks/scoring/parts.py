"""Parts: folders of four Parquet files, named like the tables that they go into, that wait to be committed.

A part is made under a temporary name and renamed when it is whole and checked, so a part that is there may be
committed. Nothing here opens the database: parts are independent of each other, only the commit is not.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_contracts.expectations import CheckResult
from data_contracts.parts import PART_SCHEMAS
from data_contracts.scored_reviews import check_scored_rows
from data_contracts.storage.durable import put_in_place, remove_leftovers, start_folder
from data_contracts.storage.faults import pass_fault_point

_REPEATED = ["source_sha256", "uri", "member", "model_id", "run_id", "sentiment"]
"""Columns of a part with few values, which are written once."""

Write = Callable[[str, pa.Table], None]
"""Appends rows to the file of a part that has this table's name."""


class HasContent(Protocol):
    """Something that is known by the sha256 of the bytes of its source file."""

    @property
    def source_sha256(self) -> str:
        """The sha256 in hex."""


@dataclass(frozen=True)
class Part:
    """The two places of a part."""

    building: Path
    """Where it lies until `keep_part` is called; what is left there is removed by the next run."""
    folder: Path
    """Where it lies from then on."""


def name_part(model_id: str, files: Sequence[HasContent]) -> str:
    """Name a part by what it holds: the model and the content of its files."""
    content = "\n".join([model_id, *(file.source_sha256 for file in files)])
    return sha256(content.encode()).hexdigest()[:24]


def start_part(parts_dir: Path, model_id: str, files: Sequence[HasContent]) -> Part:
    """Make the empty folder in which the part of these files is built."""
    folder = parts_dir / name_part(model_id, files)
    return Part(start_folder(folder), folder)


@contextmanager
def open_part(part: Part) -> Iterator[Write]:
    """Open the four files of a part and give the function that appends rows to one of them."""
    with ExitStack() as stack:
        # Read once, and soon: to pack the texts would cost more than to write and read them as they are.
        options = {"compression": "none", "use_dictionary": _REPEATED, "write_page_checksum": True}
        writers = {
            name: stack.enter_context(pq.ParquetWriter(part.building / f"{name}.parquet", schema, **options))
            for name, schema in PART_SCHEMAS.items()
        }
        yield lambda name, rows: writers[name].write_table(rows)


def check_part(
    part: Part, rows_read: Mapping[str, int], rows_left_out: Mapping[str, int]
) -> list[CheckResult]:
    """Check the scores of a part against their contract, of the sources in `rows_read` alone."""
    if not rows_read:
        return []
    scored = pq.read_table(part.building / "scored_reviews.parquet")
    of_those = pc.is_in(scored["source_sha256"], value_set=pa.array(list(rows_read), pa.string()))
    return check_scored_rows(scored.filter(of_those), rows_read, rows_left_out)


def keep_part(part: Part) -> Path:
    """Give a part whose checks hold its name: from here on it is one that will be committed."""
    put_in_place(part.building, part.folder, replace=True)
    pass_fault_point("score: part written")
    return part.folder


def is_undamaged(part_dir: Path) -> bool:
    """Check that every page of a part's files still has the checksum that it was written with."""
    try:
        for name in PART_SCHEMAS:
            with pq.ParquetFile(part_dir / f"{name}.parquet", page_checksum_verification=True) as file:
                for _ in file.iter_batches():
                    pass
    except (OSError, pa.ArrowException):
        return False
    return True


def find_waiting(parts_dir: Path, report: Callable[[Path, str], object]) -> Iterator[Path]:
    """Yield the whole parts that a killed run left; delete unfinished and damaged ones, reporting the damaged.

    The caller holds `parts_dir`.
    """
    remove_leftovers(parts_dir, held=True)
    for part_dir in sorted(path for path in parts_dir.glob("*") if path.is_dir()):
        if is_undamaged(part_dir):
            yield part_dir
        else:
            report(part_dir, "was damaged")
            shutil.rmtree(part_dir)


def list_uris(part_dir: Path) -> list[str]:
    """Name the files that a part is of."""
    names: list[str] = pq.read_table(part_dir / "scored_files.parquet", columns=["uri"])["uri"].to_pylist()
    return names
