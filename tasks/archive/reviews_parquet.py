"""Writes and reads the reviews Parquet: `train`, `test` and `unsup`, all three of one archive or none.

Each file carries the same `Provenance` in its schema's metadata. They are written under temporary names and
put in place one after the other; files that disagree count as none, so a break in between is seen.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.errors import SourceError
from data_contracts.reviews import (
    FORMAT_VERSION,
    PROVENANCE_KEY,
    REVIEWS_SCHEMA,
    SPLITS,
    Provenance,
    name_split,
)
from data_contracts.storage.durable import (
    make_durable,
    make_folder,
    name_temporary,
    put_in_place,
    remove_leftovers,
)
from data_contracts.storage.faults import pass_fault_point
from tasks.archive.reader import ArchiveContents, FolderContents
from tasks.support.locking import hold_folder, refuse_to_wait

_ROW_GROUP_ROWS = 10_000
_DICTIONARY_COLUMNS = ["split", "label", "rating", "movie_id"]
_STATISTICS_COLUMNS = ["split", "label", "rating", "review_number", "movie_id"]


def build_tables(contents: ArchiveContents) -> dict[str, pa.Table]:
    """Lay the archive out in rows of `REVIEWS_SCHEMA`, by split, sorted by label, then by review number."""
    parts: dict[str, list[pa.Table]] = {split: [] for split in SPLITS}
    for folder in sorted(contents.folders, key=lambda folder: folder.label):
        split = name_split((folder.split, folder.label))
        parts[split].append(_build_rows(folder, split))
    return {split: pa.concat_tables([REVIEWS_SCHEMA.empty_table(), *parts[split]]) for split in SPLITS}


def write_tables(
    tables: Mapping[str, pa.Table],
    provenance: Provenance,
    reviews_dir: Path,
    report: Callable[[int], None] = lambda amount: None,
) -> None:
    """Write the three tables of `build_tables`; `report` gets the rows written since its last call.

    Raises `SourceError` if the folder can't be written to, or if another run is writing there.
    """
    try:
        make_folder(reviews_dir)
        with hold_folder(reviews_dir, refuse_to_wait):
            remove_leftovers(reviews_dir)
            try:
                _write_temporary(tables, provenance, reviews_dir, report)
                _put_in_place(reviews_dir)
            finally:
                remove_leftovers(reviews_dir)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SourceError(
            f"{reviews_dir}: the reviews can't be written: {reason}. Next: see to its space and permissions, "
            "then run `reviews ingest` again."
        ) from error


def read_provenance(reviews_dir: Path) -> Provenance | None:
    """Tell where the reviews come from; None where a file is missing or unreadable, or the three disagree."""
    found = {_read_one_provenance(reviews_dir / f"{split}.parquet") for split in SPLITS}
    return found.pop() if len(found) == 1 else None


def is_up_to_date(reviews_dir: Path, source_sha256: str, accept_unverified: bool = False) -> bool:
    """Tell whether an ingest of this source would change nothing.

    Reviews that were taken unverified are up to date only for a caller who accepts that too.
    """
    provenance = read_provenance(reviews_dir)
    if provenance is None or provenance.source_sha256 != source_sha256:
        return False
    return accept_unverified or provenance.verification != "accepted_unverified"


def read_split(reviews_dir: Path, split: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read the rows of 'train', 'test' or 'unsup' in their order, all columns or those named.

    Raises `SourceError`, with the next step, where the three files are not whole and of one archive.
    """
    path = _require_whole(reviews_dir, split)
    wanted = REVIEWS_SCHEMA.names if columns is None else list(columns)
    try:
        with pq.ParquetFile(path) as file:
            return file.read(columns=wanted).select(wanted)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(
            f"{path}: the file is damaged ({error}). Next: remove it, run `reviews ingest`."
        ) from error


def count_rows(reviews_dir: Path, split: str) -> int:
    """Count the rows of a split without reading them; raises `SourceError` as `read_split` does."""
    return int(pq.read_metadata(_require_whole(reviews_dir, split)).num_rows)


def _build_rows(folder: FolderContents, split: str) -> pa.Table:
    count = len(folder.review_numbers)
    labelled = folder.label != "unsup"
    columns = {
        "split": pa.repeat(pa.scalar(split), count),
        "label": pa.repeat(pa.scalar(folder.label), count) if labelled else pa.nulls(count, pa.string()),
        "rating": folder.ratings if labelled else pa.nulls(count, pa.int8()),
        "review_number": folder.review_numbers,
        "movie_id": folder.title_ids.take(folder.review_numbers),
        "text": folder.texts,
        "text_sha256": folder.text_sha256,
    }
    return pa.table(columns, schema=REVIEWS_SCHEMA)


def _write_temporary(
    tables: Mapping[str, pa.Table],
    provenance: Provenance,
    reviews_dir: Path,
    report: Callable[[int], None],
) -> None:
    metadata = {PROVENANCE_KEY: json.dumps(asdict(provenance))}
    with ThreadPoolExecutor(len(SPLITS)) as pool:
        writes = [
            pool.submit(
                _write_file,
                tables[split].replace_schema_metadata(metadata),
                name_temporary(_name_file(reviews_dir, split)),
            )
            for split in SPLITS
        ]
        for split, write in zip(SPLITS, writes, strict=True):
            write.result()
            report(len(tables[split]))


def _write_file(table: pa.Table, path: Path) -> None:
    with pq.ParquetWriter(
        path,
        table.schema,
        compression="zstd",
        use_dictionary=_DICTIONARY_COLUMNS,
        # Statistics of texts would put whole reviews into the footer.
        write_statistics=_STATISTICS_COLUMNS,
    ) as writer:
        for start in range(0, max(len(table), 1), _ROW_GROUP_ROWS):
            writer.write_table(table.slice(start, _ROW_GROUP_ROWS))
            pass_fault_point("ingest: between row groups")
    make_durable(path)  # all three are, before the first gets its name


def _name_file(reviews_dir: Path, split: str) -> Path:
    return reviews_dir / f"{split}.parquet"


def _put_in_place(reviews_dir: Path) -> None:
    pass_fault_point("ingest: before in place")
    for split in SPLITS:
        path = _name_file(reviews_dir, split)
        put_in_place(name_temporary(path), path)
        pass_fault_point("ingest: between splits")


def _read_one_provenance(path: Path) -> Provenance | None:
    try:
        metadata = pq.read_schema(path).metadata or {}
        provenance = Provenance(**json.loads(metadata[PROVENANCE_KEY]))
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
        return None
    return provenance if provenance.format_version == FORMAT_VERSION else None


def _require_whole(reviews_dir: Path, split: str) -> Path:
    if split not in SPLITS:
        raise SourceError(f"There is no split {split!r}. Next: name one of {', '.join(SPLITS)}.")
    if read_provenance(reviews_dir) is None:
        raise SourceError(f"{reviews_dir}: {_describe_lack(reviews_dir)}. Next: run `reviews ingest`.")
    return reviews_dir / f"{split}.parquet"


def _describe_lack(reviews_dir: Path) -> str:
    missing = [f"{split}.parquet" for split in SPLITS if not (reviews_dir / f"{split}.parquet").is_file()]
    if missing:
        return f"there are no reviews here yet (missing: {', '.join(missing)})"
    return "the reviews are damaged, of different archives or of another version"
