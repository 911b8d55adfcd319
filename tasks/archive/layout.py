"""The files of the Stanford archive as a stream: every name and size is checked first, nothing is unpacked to disk.

Needs an archive in the layout of `data_contracts.archive`, packed as .tar.gz or .tar.
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
from tasks.containers.streams import count_bytes, gunzip_padded, meter
from tasks.containers.tar_files import walk_tar
from tasks.support.refusals import refusing

NEXT_STEP = "Next: fetch the archive anew, or name another one with --archive."

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
    """What the path of a review says: its folder, its number and its rating in stars (0: unknown)."""

    folder: Folder
    number: int
    rating: int


def read_files(
    path: Path, source: BinaryIO, update: Callable[[bytes], None], report: Callable[[int], None]
) -> Iterator[tuple[str, ReviewName | None, bytes]]:
    """Give path below the root, review name (None for a URL list) and bytes of every file that is kept.

    `source` is the open archive, `path` its name in errors. `update` gets the archive's own bytes, `report` their
    number since its last call. Raises `SourceError` on anything that the layout does not foresee.
    """
    others: set[str] = set()
    for entry, content in _walk(path, _unpack(path, _read_blocks(source, update, report))):
        name = _require_safe_name(path, entry)
        review = parse_review_name(name)
        if entry.isdir():
            _require_known_directory(path, entry, name)
            continue
        _require_plain_file(path, entry)
        _require_size(path, entry, _find_limit(path, entry, name, review))
        if name in others:
            raise refuse(path, f"{entry.name!r} comes twice")
        if review is None:
            others.add(name)
        if name not in SKIPPED_FILES:
            yield name, review, _read_whole(path, entry, content)


def parse_review_name(path: str) -> ReviewName | None:
    """Read a review's path below the root, such as 'train/pos/12_8.txt'; None if it is not one."""
    match = _REVIEW_PATH.fullmatch(path)
    if match is None:
        return None
    split, label, number, rating = match.groups()
    folder = (split, label)
    return ReviewName(folder, int(number), int(rating)) if folder in FOLDERS else None


def refuse(path: Path, reason: str) -> SourceError:
    """Make the error for an archive that the layout does not foresee: its path, the reason and what to do next."""
    return SourceError(f"{path}: {reason}. {NEXT_STEP}")


def _refuse_as(path: Path, error: FileRefusedError, where: str) -> SourceError:
    """Make the error for what the reader of tars refused, without its advice for review files."""
    return refuse(path, where + error.detail.removesuffix(f". {FILE_RULES[error.rule]}"))


def _read_blocks(
    source: BinaryIO, update: Callable[[bytes], None], report: Callable[[int], None]
) -> Iterator[bytes]:
    with refusing("file_unreadable", lambda: "the disk gave no more of it"):
        while block := source.read(MEBIBYTE // 4):
            update(block)
            report(len(block))
            yield block


def _unpack(path: Path, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Give the bytes of the tar, whether it is gzipped or not, and stop where they become too many."""
    first = next(blocks, b"")
    if not first:
        raise refuse(path, "the file is empty")
    pieces = chain([first], blocks)
    allowed = max(UNSUSPECTED_BYTES, MAX_COMPRESSION_RATIO * path.stat().st_size)
    return meter(
        gunzip_padded(pieces) if first.startswith(b"\x1f\x8b") else pieces,
        count_bytes(min(MAX_TOTAL_BYTES, allowed), "it"),
    )


def _walk(path: Path, pieces: Iterator[bytes]) -> Iterator[tuple[tarfile.TarInfo, Iterator[bytes]]]:
    """Give the entries of the tar with their contents; say of a file of another format what it looks like."""
    where = "it can't be read as .tar.gz or .tar: "
    try:
        first = next(pieces, b"")
        for magic, looks in _OTHER_FORMATS.items():
            if first.lstrip().startswith(magic):
                raise refuse(path, f"{where}it looks like {looks}")
        for found in walk_tar(chain([first], pieces), ContainerLimits(members=MAX_MEMBERS)):
            where = ""
            yield found
    except FileRefusedError as error:
        raise _refuse_as(path, error, where) from error


def _read_whole(path: Path, entry: tarfile.TarInfo, content: Iterator[bytes]) -> bytes:
    try:
        return b"".join(content)
    except FileRefusedError as error:
        raise _refuse_as(path, error, f"{entry.name!r}: ") from error


def _require_safe_name(path: Path, entry: tarfile.TarInfo) -> str:
    """Give the member's path below the root, '' for the root itself."""
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
    """Give the bytes that a file may have by its place in the layout; refuse it where it has none."""
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
