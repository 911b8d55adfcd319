"""Reads the Stanford archive, a .tar.gz or .tar, into Arrow columns, folder by folder.

It is read as a stream of its entries, without unpacking it to disk; more bytes or members than the limits in
`data_contracts.archive` allow are refused. All texts are in memory, and those of one folder twice while they are
converted to Arrow.
"""

import re
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from data_contracts.archive import (
    EXPECTED_REVIEWS,
    FOLDERS,
    MAX_COMPRESSION_RATIO,
    MAX_MEMBERS,
    MAX_TOTAL_BYTES,
    MEBIBYTE,
    ROOT,
    SKIPPED_FILES,
    TITLE_ID,
    UNSUSPECTED_BYTES,
    Folder,
    FolderCount,
)
from data_contracts.errors import FileRefusedError
from data_contracts.rules_and_limits import FILE_RULES
from tasks.archive.layout import URL_LISTS, ReviewName, place_entry, refuse_archive
from tasks.reading.containers import walk_tar
from tasks.reading.streams import ContainerLimits, decompress, limit, meter
from tasks.support.refusals import refusing
from tasks.support.wording import count

_TITLE_IN_URL = re.compile(rf"(?:^|/)({TITLE_ID})(?:[/?#]|$)".encode())

_Review = tuple[int, bytes, str]  # rating, bytes, sha256


@dataclass(frozen=True)
class FolderContents:
    """What the reader of the archive finds in one folder: n reviews, sorted by number, and m lines of the URL list."""

    split: str
    label: str
    review_numbers: pa.Array
    """[n] int32: each review's line in the URL list, counted from 0."""
    ratings: pa.Array
    """[n] int8, in stars; 0 is unknown."""
    texts: pa.Array
    """[n] strings, byte for byte as in the archive."""
    text_sha256: pa.Array
    """[n] hex digests of the texts' UTF-8 bytes."""
    title_ids: pa.Array
    """[m] IMDb title ids, one per line of the URL list."""


@dataclass(frozen=True)
class ArchiveContents:
    """The reviews and URL lists that were read from an archive; `folders` are in the order of `FOLDERS`."""

    folders: tuple[FolderContents, ...]
    content_digest: str
    """sha256 in hex over the sorted lines "path, tab, sha256, newline" of every review and URL list."""
    source_sha256: str
    """sha256 in hex of the archive file's own bytes."""


def read_archive(path: Path, report: Callable[[int], None] = lambda amount: None) -> ArchiveContents:
    """Read and check the archive at `path`; `report` is called with the compressed bytes read since its last call.

    Raises `SourceError`, naming the file, the member and the reason, on anything that the layout does not allow.
    """
    reviews: dict[Folder, dict[int, _Review]] = {folder: {} for folder in FOLDERS}
    url_lists: dict[Folder, bytes] = {}
    digests: dict[str, str] = {}
    source_hash = sha256()
    try:
        with path.open("rb") as source:
            for name, review, data in _read_archive_files(path, source, source_hash.update, report):
                digests[name] = sha256(data).hexdigest()
                if review is None:
                    url_lists[URL_LISTS[name]] = data
                elif review.number in reviews[review.folder]:
                    raise refuse_archive(
                        path, f"'{name}' repeats review number {review.number} of its folder"
                    )
                else:
                    reviews[review.folder][review.number] = (review.rating, data, digests[name])
    except OSError as error:
        raise refuse_archive(path, f"the file can't be read: {error.strerror or error}") from error
    folders = tuple(_build_folder(path, folder, reviews.pop(folder), url_lists) for folder in FOLDERS)
    lines = sorted(f"{name}\t{digest}\n" for name, digest in digests.items())
    content_digest = sha256("".join(lines).encode()).hexdigest()
    return ArchiveContents(folders, content_digest, source_hash.hexdigest())


def _read_archive_files(
    path: Path, source: BinaryIO, update: Callable[[bytes], None], report: Callable[[int], None]
) -> Iterator[tuple[str, ReviewName | None, bytes]]:
    """Yield each review and URL list: its path below the root, its review name (None for a URL list), its bytes.

    `source` is the open archive, `path` its name in errors. `update` is called with each block of the archive's own,
    compressed bytes, `report` with the block's size. Raises `SourceError` on anything that the layout does not allow.
    """
    other_names: set[str] = set()
    for entry, content in _walk_archive(path, source, update, report):
        placed = place_entry(path, entry)
        if placed is None:
            continue
        name, review = placed
        if name in other_names:
            raise refuse_archive(path, f"{entry.name!r} occurs twice")
        if review is None:
            other_names.add(name)
        if name not in SKIPPED_FILES:
            yield name, review, _read_entry(path, entry, content)


def count_folders(contents: ArchiveContents, dataset: str) -> list[FolderCount]:
    """Count each folder's reviews, URLs and ratings, one row per folder, for `data_contracts.archive.check_archive`."""
    expected = EXPECTED_REVIEWS.get(dataset, {})
    counts = []
    for folder in contents.folders:
        ratings = folder.ratings.to_pylist()
        counts.append(
            FolderCount(
                split=folder.split,
                label=folder.label,
                reviews=len(folder.texts),
                urls=len(folder.title_ids),
                lowest_rating=min(ratings, default=None),
                highest_rating=max(ratings, default=None),
                expected_reviews=expected.get((folder.split, folder.label)),
            )
        )
    return counts


def _build_folder(
    path: Path, folder: Folder, reviews: Mapping[int, _Review], url_lists: Mapping[Folder, bytes]
) -> FolderContents:
    """Build the columns of a folder from the reviews read; refuse the archive if its URL list is missing or short."""
    split, label = folder
    if folder not in url_lists:
        raise refuse_archive(path, f"the URL list '{ROOT}/{split}/urls_{label}.txt' is missing")
    title_ids = _read_title_ids(path, folder, url_lists[folder])
    numbers = sorted(reviews)
    if numbers and numbers[-1] >= len(title_ids):
        lines = f"urls_{label}.txt has {count(len(title_ids), 'line')}"
        raise refuse_archive(
            path, f"review {numbers[-1]} of {split}/{label} has no line in its URL list ({lines})"
        )
    ordered = [reviews[number] for number in numbers]
    return FolderContents(
        split=split,
        label=label,
        review_numbers=pa.array(numbers, pa.int32()),
        ratings=pa.array([rating for rating, _, _ in ordered], pa.int8()),
        texts=_decode_texts(path, folder, numbers, ordered),
        text_sha256=pa.array([digest for _, _, digest in ordered], pa.string()),
        title_ids=pa.array(title_ids, pa.string()),
    )


def _read_title_ids(path: Path, folder: Folder, url_list: bytes) -> list[str]:
    """Return the title id in each line of a URL list, in order."""
    title_ids = []
    for number, line in enumerate(url_list.removesuffix(b"\n").split(b"\n") if url_list else []):
        match = _TITLE_IN_URL.search(line.rstrip())
        if match is None:
            where = f"line {number} (from 0) of {folder[0]}/urls_{folder[1]}.txt"
            raise refuse_archive(path, f"{where} has no title id such as tt0000001: {line[:80]!r}")
        title_ids.append(match[1].decode())
    return title_ids


def _decode_texts(path: Path, folder: Folder, numbers: list[int], ordered: list[_Review]) -> pa.Array:
    """Decode the reviews of a folder as UTF-8; refuse the archive if one is invalid, with its place."""
    try:
        return pa.array([data for _, data, _ in ordered], pa.binary()).cast(pa.string())
    except pa.ArrowInvalid as error:
        for number, (rating, data, _) in zip(numbers, ordered, strict=True):
            try:
                data.decode()
            except UnicodeDecodeError as bad:
                name = f"{ROOT}/{folder[0]}/{folder[1]}/{number}_{rating}.txt"
                raise refuse_archive(path, f"'{name}' is not UTF-8 at its byte {bad.start}") from error
        raise


def _walk_archive(
    path: Path, source: BinaryIO, update: Callable[[bytes], None], report: Callable[[int], None]
) -> Iterator[tuple[tarfile.TarInfo, Iterator[bytes]]]:
    """Yield the entries of an open archive with their contents; `path` is its name in errors.

    `update` is called with each block of the archive's own, compressed bytes, `report` with the block's size.
    """

    def read_blocks() -> Iterator[bytes]:
        with refusing("file_unreadable", lambda: "a block of it can't be read from disk"):
            while block := source.read(MEBIBYTE // 4):
                update(block)
                report(len(block))
                yield block

    blocks = read_blocks()
    first = next(blocks, b"")
    if not first:
        raise refuse_archive(path, "the file is empty")
    pieces = chain([first], blocks)
    unpacked = decompress(pieces, "gz") if first.startswith(b"\x1f\x8b") else pieces
    allowed = max(UNSUSPECTED_BYTES, MAX_COMPRESSION_RATIO * path.stat().st_size)
    with _naming_archive(path, "it can't be read as .tar.gz or .tar: "):
        yield from walk_tar(
            meter(unpacked, limit(min(MAX_TOTAL_BYTES, allowed))), ContainerLimits(members=MAX_MEMBERS)
        )


def _read_entry(path: Path, entry: tarfile.TarInfo, content: Iterator[bytes]) -> bytes:
    """Return the whole content of an entry of the archive."""
    with _naming_archive(path, f"{entry.name!r}: "):
        return b"".join(content)


@contextmanager
def _naming_archive(path: Path, where: str) -> Iterator[None]:
    """Turn a refusal by the tar reader into ours, without that reader's next step, which is for review files."""
    try:
        yield
    except FileRefusedError as error:
        raise refuse_archive(
            path, where + error.detail.removesuffix(f". {FILE_RULES[error.rule]}")
        ) from error
