"""Writes and reads the reviews Parquet files `train`, `test` and `unsup`; all three must come from one archive.

Each file has the same `Provenance` in its schema's metadata. All are written under temporary names, then renamed one
after the other. If a crash comes in between, their provenances differ, and readers refuse all three.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.errors import SourceError
from data_contracts.reviews_parquet import (
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
    """Return the archive's reviews as one table of `REVIEWS_SCHEMA` per split, sorted by label and review number."""
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
    """Write the three tables of `build_tables`; `report` is called with the rows written since its last call.

    Raises `SourceError` if the folder can't be written to, or if another run is writing there.
    """
    try:
        make_folder(reviews_dir)
        with hold_folder(reviews_dir, refuse_to_wait):
            remove_leftovers(reviews_dir)
            try:
                _write_temporary(tables, provenance, reviews_dir, report)
                pass_fault_point("ingest: before in place")
                for split in SPLITS:
                    put_in_place(
                        name_temporary(reviews_dir / f"{split}.parquet"), reviews_dir / f"{split}.parquet"
                    )
                    pass_fault_point("ingest: between splits")
            finally:
                remove_leftovers(reviews_dir)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SourceError(
            f"{reviews_dir}: the reviews can't be written: {reason}. Next: free space or change permissions there, "
            "then run `reviews ingest` again."
        ) from error


def read_provenance(reviews_dir: Path) -> Provenance | None:
    """Return the provenance of the reviews; None if a file is missing or unreadable, or if the three differ."""
    provenances = {_read_one_provenance(reviews_dir / f"{split}.parquet") for split in SPLITS}
    return provenances.pop() if len(provenances) == 1 else None


def is_up_to_date(reviews_dir: Path, source_sha256: str, accept_unverified: bool = False) -> bool:
    """Return whether the reviews here already come from this source, so that an ingest would change nothing.

    Reviews of an unverified archive count as up to date only with `accept_unverified`.
    """
    provenance = read_provenance(reviews_dir)
    if provenance is None or provenance.source_sha256 != source_sha256:
        return False
    return accept_unverified or provenance.verification != "accepted_unverified"


def read_split(reviews_dir: Path, split: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read the rows of 'train', 'test' or 'unsup' in file order: all columns, or only `columns`.

    Raises `SourceError` unless all three files are complete and come from one archive.
    """
    path = _require_complete(reviews_dir, split)
    names = REVIEWS_SCHEMA.names if columns is None else list(columns)
    try:
        with pq.ParquetFile(path) as file:
            return file.read(columns=names).select(names)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(
            f"{path}: the file is damaged ({error}). Next: delete it, then run `reviews ingest`."
        ) from error


def count_rows(reviews_dir: Path, split: str) -> int:
    """Count the rows of a split without reading them; raises `SourceError` as `read_split` does."""
    return int(pq.read_metadata(_require_complete(reviews_dir, split)).num_rows)


def _build_rows(folder: FolderContents, split: str) -> pa.Table:
    """Return the rows of the reviews Parquet for a folder of the archive."""
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
    """Write the three Parquet files of the reviews side by side, under temporary names."""
    metadata = {PROVENANCE_KEY: json.dumps(asdict(provenance))}
    with ThreadPoolExecutor(len(SPLITS)) as pool:
        writes = [
            pool.submit(
                _write_file,
                tables[split].replace_schema_metadata(metadata),
                name_temporary(reviews_dir / f"{split}.parquet"),
            )
            for split in SPLITS
        ]
        for split, write in zip(SPLITS, writes, strict=True):
            write.result()
            report(len(tables[split]))


def _write_file(table: pa.Table, path: Path) -> None:
    """Write one Parquet file of the reviews and sync it."""
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
    make_durable(path)  # all three files are synced before the first is renamed


def _read_one_provenance(path: Path) -> Provenance | None:
    """Return the provenance in one reviews Parquet file; None if it is missing or unreadable."""
    try:
        metadata = pq.read_schema(path).metadata or {}
        provenance = Provenance(**json.loads(metadata[PROVENANCE_KEY]))
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
        return None
    return provenance if provenance.format_version == FORMAT_VERSION else None


def _require_complete(reviews_dir: Path, split: str) -> Path:
    """Raise `SourceError` unless all three reviews Parquet files can be read; return the path of one."""
    if split not in SPLITS:
        raise SourceError(f"There is no split {split!r}. Next: name one of {', '.join(SPLITS)}.")
    if read_provenance(reviews_dir) is None:
        missing = [f"{name}.parquet" for name in SPLITS if not (reviews_dir / f"{name}.parquet").is_file()]
        gap = (
            f"there are no reviews here yet (missing: {', '.join(missing)})"
            if missing
            else "the reviews are damaged, of different archives or of another version"
        )
        raise SourceError(f"{reviews_dir}: {gap}. Next: run `reviews ingest`.")
    return reviews_dir / f"{split}.parquet"
