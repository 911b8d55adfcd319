"""Streams the files of the Stanford archive, a .tar.gz or .tar, without unpacking them to disk.

The name and size of each file are checked against the layout in `data_contracts.archive` before it is read.
"""

import re
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from data_contracts.archive import (
    FOLDERS,
    MAX_COMPRESSION_RATIO,
    MAX_MEMBERS,
    MAX_REVIEW_BYTES,
    MAX_SKIPPED_BYTES,
    MAX_TOTAL_BYTES,
    MAX_URL_LIST_BYTES,
    MEBIBYTE,
    ROOT,
    SKIPPED_FILES,
    UNSUSPECTED_BYTES,
    Folder,
)
from data_contracts.errors import FileRefusedError, SourceError
from data_contracts.review_files import FILE_RULES
from tasks.containers.members import ContainerLimits
from tasks.containers.streams import gunzip_padded, limit_bytes, meter
from tasks.containers.tar_files import walk_tar
from tasks.support.refusals import refusing

NEXT_STEP = "Next: download the archive again, or name another one with --archive."

URL_LISTS = {f"{split}/urls_{label}.txt": (split, label) for split, label in FOLDERS}
_DIRECTORIES = {"", *(split for split, _ in FOLDERS), *(f"{split}/{label}" for split, label in FOLDERS)}
_REVIEW_PATH = re.compile(r"([a-z]+)/([a-z]+)/(0|[1-9][0-9]{0,8})_([0-9]|10)\.txt")
_OTHER_FORMATS = {
    b"<": "a web page",
    b"PK": "a zip file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"\x28\xb5\x2f\xfd": "a zstd file",
}


@dataclass(frozen=True)
class ReviewName:
    """The parts of a review's path: its folder, its number and its rating in stars (0: unknown)."""

    folder: Folder
    number: int
    rating: int


def read_files(
    path: Path, source: BinaryIO, update: Callable[[bytes], None], report: Callable[[int], None]
) -> Iterator[tuple[str, ReviewName | None, bytes]]:
    """Yield each review and URL list: its path below the root, its review name (None for a URL list), its bytes.

    `source` is the open archive, `path` its name in errors. `update` is called with each block of the archive's own,
    compressed bytes, `report` with the block's size. Raises `SourceError` on anything that the layout does not allow.
    """
    other_names: set[str] = set()
    for entry, content in _walk(path, _unpack(path, _read_blocks(source, update, report))):
        name = _require_safe_name(path, entry)
        review = parse_review_name(name)
        if entry.isdir():
            _require_known_directory(path, entry, name)
            continue
        _require_plain_file(path, entry)
        _require_size(path, entry, _find_limit(path, entry, name, review))
        if name in other_names:
            raise refuse(path, f"{entry.name!r} occurs twice")
        if review is None:
            other_names.add(name)
        if name not in SKIPPED_FILES:
            yield name, review, _read_whole(path, entry, content)


def parse_review_name(path: str) -> ReviewName | None:
    """Parse a review's path below the root, such as 'train/pos/12_8.txt'; return None for any other path."""
    match = _REVIEW_PATH.fullmatch(path)
    if match is None:
        return None
    split, label, number, rating = match.groups()
    folder = (split, label)
    return ReviewName(folder, int(number), int(rating)) if folder in FOLDERS else None


def refuse(path: Path, reason: str) -> SourceError:
    """Return the error for an archive that breaks the layout: its path, the reason and the next step."""
    return SourceError(f"{path}: {reason}. {NEXT_STEP}")


def _refuse_as(path: Path, error: FileRefusedError, where: str) -> SourceError:
    """Return the error for a refusal by the tar reader, without that reader's next step, which is for review files."""
    return refuse(path, where + error.detail.removesuffix(f". {FILE_RULES[error.rule]}"))


def _read_blocks(
    source: BinaryIO, update: Callable[[bytes], None], report: Callable[[int], None]
) -> Iterator[bytes]:
    with refusing("file_unreadable", lambda: "a block of it can't be read from disk"):
        while block := source.read(MEBIBYTE // 4):
            update(block)
            report(len(block))
            yield block


def _unpack(path: Path, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the bytes of the tar, decompressed if it is gzipped; refuse more of them than the limits allow."""
    first = next(blocks, b"")
    if not first:
        raise refuse(path, "the file is empty")
    pieces = chain([first], blocks)
    allowed = max(UNSUSPECTED_BYTES, MAX_COMPRESSION_RATIO * path.stat().st_size)
    return meter(
        gunzip_padded(pieces) if first.startswith(b"\x1f\x8b") else pieces,
        limit_bytes(min(MAX_TOTAL_BYTES, allowed), "it"),
    )


def _walk(path: Path, pieces: Iterator[bytes]) -> Iterator[tuple[tarfile.TarInfo, Iterator[bytes]]]:
    """Yield the entries of the tar with their contents; the error for a file of another format names that format."""
    where = "it can't be read as .tar.gz or .tar: "
    try:
        first = next(pieces, b"")
        for magic, format_name in _OTHER_FORMATS.items():
            if first.lstrip().startswith(magic):
                raise refuse(path, f"{where}it looks like {format_name}")
        for entry_and_content in walk_tar(chain([first], pieces), ContainerLimits(members=MAX_MEMBERS)):
            where = ""
            yield entry_and_content
    except FileRefusedError as error:
        raise _refuse_as(path, error, where) from error


def _read_whole(path: Path, entry: tarfile.TarInfo, content: Iterator[bytes]) -> bytes:
    try:
        return b"".join(content)
    except FileRefusedError as error:
        raise _refuse_as(path, error, f"{entry.name!r}: ") from error


def _require_safe_name(path: Path, entry: tarfile.TarInfo) -> str:
    """Return the entry's path below the root, '' for the root itself; refuse a path outside the root."""
    name = entry.name.removeprefix("./")
    if name.startswith("/") or "\\" in name or ".." in name.split("/"):
        raise refuse(path, f"the name {entry.name!r} leads out of the archive")
    if name in (".", ROOT):
        return ""
    if not name.startswith(f"{ROOT}/"):
        raise refuse(path, f"{entry.name!r} is not in the root folder '{ROOT}'")
    return name.removeprefix(f"{ROOT}/")


def _require_known_directory(path: Path, entry: tarfile.TarInfo, name: str) -> None:
    if name not in _DIRECTORIES:
        raise refuse(path, f"the folder {entry.name!r} has no place in the layout")


def _require_plain_file(path: Path, entry: tarfile.TarInfo) -> None:
    kinds = {
        tarfile.SYMTYPE: "a symbolic link",
        tarfile.LNKTYPE: "a hard link",
        tarfile.CHRTYPE: "a device",
        tarfile.BLKTYPE: "a device",
        tarfile.FIFOTYPE: "a named pipe",
    }
    if entry.issparse() or entry.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        kind = kinds.get(entry.type, "a special member")
        raise refuse(path, f"{entry.name!r} is {kind}, not a plain file")


def _find_limit(path: Path, entry: tarfile.TarInfo, name: str, review: ReviewName | None) -> int:
    """Return the most bytes that the layout allows for this file; refuse a file that has no place in the layout."""
    if review is not None:
        return MAX_REVIEW_BYTES
    if name in URL_LISTS:
        return MAX_URL_LIST_BYTES
    if name in SKIPPED_FILES:
        return MAX_SKIPPED_BYTES
    if name.rpartition("/")[0] in _DIRECTORIES and name.count("/") == 2:
        raise refuse(path, f"{entry.name!r} is not named ID_RATING.txt (rating 0 to 10)")
    raise refuse(path, f"the file {entry.name!r} has no place in the layout")


def _require_size(path: Path, entry: tarfile.TarInfo, limit: int) -> None:
    if not 0 <= entry.size <= limit:
        raise refuse(path, f"{entry.name!r} claims {entry.size} bytes, the limit is {limit}")
