"""Finds the files in the inbox, identifies them by their content, and groups them for scoring."""

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Protocol, TypeVar

from data_contracts.storage.home import LABELS
from tasks.inbox.opening import open_regular, place_within

_UNFINISHED_ENDINGS = (".part", ".tmp", ".crdownload", ".partial", ".swp")
"""Endings that programs give to files that they are still writing."""
MAX_FILE_BYTES = 64 << 30
"""Larger files are skipped: a sparse file of a terabyte costs its sender nothing, but a run an hour."""
TOO_LARGE = f"is larger than {MAX_FILE_BYTES >> 30} GiB, the limit: split it"
_MAX_DEPTH = 100
"""Most levels of folders below the inbox that are searched."""
HIDDEN = "is hidden, unfinished, or only says something of the files beside it"
"""Reason for skipping a file. Such a file is reported only if it, or its folder, was named."""
HAS_LABELS = f"is no file of reviews: what lies in {LABELS}/ of an inbox is taken in as labels"
"""Reason for skipping a file, likewise."""
OUT_OF_PROPORTION = "is out of proportion to its size: it is scored after all other files, alone"
FOR_NEXT_GROUP = "is read after the files before it are committed, which have many rows"
"""Reasons for postponing a file within a run."""
GROUP_BYTES = 32 * 2**20
MOST_UNPACKED_BYTES = 8 * GROUP_BYTES
"""Bytes of rows from which on no other file of a group is read with them."""
ENGINE_GROUP_BYTES = 4 * GROUP_BYTES
"""Most bytes of a group that workers score, who have nothing to do while it is committed."""
GROUP_FILES = 500
_HASHED_BYTES = 1 << 20
"""Bytes that are read and hashed at a time."""
_MARKER = re.compile(
    r"_SUCCESS|_metadata|_common_metadata|(?:_committed_|_started_).*|.*\.crc"
    r"|(?i:(?:read[ _-]?me|licen[cs]e|copying|changelog)(?:\.(?:txt|md|rst|html?|pdf|rtf|docx?))?"
    r"|thumbs\.db|desktop\.ini)",
    re.DOTALL,
)
"""Files without rows: marks of Spark and Hadoop, what a data set says of itself, and what Windows adds."""


class _HasSize(Protocol):
    @property
    def size(self) -> int: ...


_AnyFile = TypeVar("_AnyFile", bound=_HasSize)


@dataclass(frozen=True)
class FoundFile:
    """A regular file that was found; `uri` is its path relative to the inbox, or its absolute path if it is outside."""

    uri: str
    path: Path
    size: int
    mtime_ns: int
    root: Path | None = field(default=None, compare=False, kw_only=True)
    """The folder below which no link is followed when the file is opened. None: the file's own folder."""
    ctime_ns: int | None = field(default=None, compare=False, kw_only=True)
    """Time of the last change by the system's record. Unlike `mtime_ns`, no program can set it."""
    etag: str | None = field(default=None, compare=False, kw_only=True)
    """Of an object in a store: its mark there. Its copy at `path` has its size and time."""


@dataclass(frozen=True)
class SourceFile(FoundFile):
    """A found file whose content is known by the sha256 of its bytes."""

    source_sha256: str
    was_refused: bool = field(default=False, compare=False)
    """Whether its content was refused before, so that only a run that names it, or a rescan, reads it again."""
    grown_from: tuple[str, ...] = field(default=(), compare=False)
    """The sha256 of files that came before it and whose bytes are its first ones."""


@dataclass(frozen=True)
class SkippedFile:
    """A file or folder that is not read, and the reason."""

    uri: str
    reason: str
    waits: bool = False
    """Whether the next run reads it, without anybody's doing."""


@dataclass(frozen=True)
class Findings:
    """The files that a search found and those that it skipped, both in the order of their names."""

    files: tuple[FoundFile, ...]
    skipped: tuple[SkippedFile, ...]


def look_into(inbox: Path) -> Findings:
    """Find every regular file below `inbox`; report links and unreadable files as skipped, but not hidden files.

    Files of labels are left out too.
    """
    return _separate((_inspect(path, inbox, inbox) for path in _walk(inbox)), (HIDDEN, HAS_LABELS))


def look_at_labels(inbox: Path) -> Findings:
    """Find every file of labels in the inbox, likewise."""
    folder = inbox / LABELS
    if folder.is_symlink() or not folder.is_dir():
        return Findings((), ())
    return _separate((_inspect(path, inbox, inbox, are_labels=True) for path in _walk(folder)), (HIDDEN,))


def look_at_named(paths: Sequence[Path], inbox: Path, roots: Mapping[Path, Path] | None = None) -> Findings:
    """Find the files at `paths` and all files below folders in `paths`; report missing ones as skipped.

    What lies in the inbox is a file of the inbox, through whatever links and `..` its path leads. `roots` maps a path
    to the folder above it below which no link is followed; the default is a named folder itself, and the folder of a
    named file.
    """
    place = cache(partial(place_within, folders=(inbox,)))
    found: dict[str, FoundFile | SkippedFile] = {}
    for named in (path.absolute() for path in paths):
        is_folder = named.is_dir()
        root = (roots or {}).get(named) or (named if is_folder else named.parent)
        for path in _walk(named) if is_folder else (named,):
            each = _inspect_named(path, inbox, root, place)
            found[each.uri] = each
    return _separate(found.values())


def _inspect_named(
    path: Path | SkippedFile, inbox: Path, root: Path, place: Callable[[Path], tuple[Path, Path] | None]
) -> FoundFile | SkippedFile:
    """Return a path as found or skipped; `place` finds its folder in the inbox. A link at its end stays one."""
    placed = place(path.parent) if isinstance(path, Path) else None
    if placed is None or isinstance(path, SkippedFile):
        return _inspect(path, inbox, root)
    return _inspect(placed[1] / path.name, inbox, inbox)


def _separate(found: Iterable[FoundFile | SkippedFile], passed_over: Sequence[str] = ()) -> Findings:
    """Separate files from skipped ones, without those that are skipped for reasons to be `passed_over`."""
    files: list[FoundFile] = []
    skipped: list[SkippedFile] = []
    for each in found:
        if isinstance(each, FoundFile):
            files.append(each)
        elif each.reason not in passed_over:
            skipped.append(each)
    return Findings(tuple(files), tuple(skipped))


def _walk(top: Path) -> Iterator[Path | SkippedFile]:
    """Yield the paths of all files below `top` in the order of their names, and the folders that can't be listed.

    Hidden folders are ignored. The walk is a loop, not a recursion, since folders may be nested deeper than Python's
    stack.
    """
    waiting = [(top, 0)]
    while waiting:
        folder, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            yield _skip(str(folder), f"lies more than {_MAX_DEPTH} folders deep: move it up")
            continue
        try:
            with os.scandir(folder) as scanned:
                entries = sorted((each.name, each.is_dir(follow_symlinks=False)) for each in scanned)
        except OSError as error:
            yield _skip(str(folder), f"can't be listed: {error.strerror}")
            continue
        yield from (folder / name for name, is_folder in entries if not is_folder)
        inner = [name for name, is_folder in entries if is_folder and not name.startswith(".")]
        waiting.extend((folder / name, depth + 1) for name in reversed(inner))


def _skip(uri: str, reason: str) -> SkippedFile:
    """Return a skipped file; bytes of its name that are not UTF-8 are replaced, so that it can be stored and shown."""
    return SkippedFile(uri.encode(errors="replace").decode(), reason)


def is_unfinished(name: str) -> bool:
    """Return whether a file is hidden or unfinished by its name, or only says something of the files beside it."""
    return name.startswith((".", "~")) or is_marker(name) or name.lower().endswith(_UNFINISHED_ENDINGS)


def is_marker(name: str) -> bool:
    """Return whether a file only says something of the files beside it, by its name."""
    return _MARKER.fullmatch(name) is not None


def _inspect(
    path: Path | SkippedFile, inbox: Path, root: Path, *, are_labels: bool = False
) -> FoundFile | SkippedFile:
    """Return a path as a found file, or as a skipped one with the reason; `are_labels`: files of labels are found."""
    if isinstance(path, SkippedFile):
        return path
    uri = str(path).removeprefix(f"{inbox}/")
    if ".." in uri.split("/"):  # it leads out of the inbox
        uri = str(path)
    if uri.startswith(f"{LABELS}/") and not are_labels:
        return _skip(uri, HAS_LABELS)
    if is_unfinished(path.name):
        return _skip(uri, HIDDEN)
    try:
        uri.encode()
        status = path.lstat()
    except UnicodeEncodeError:
        return _skip(uri, "its name is not UTF-8: rename it")
    except OSError as error:
        return _skip(uri, f"can't be accessed: {error.strerror}")
    if stat.S_ISLNK(status.st_mode):
        return _skip(uri, "is a link: links are not followed, copy the file itself")
    if not stat.S_ISREG(status.st_mode):
        return _skip(uri, "is not a regular file")
    if status.st_size > MAX_FILE_BYTES:
        return _skip(uri, TOO_LARGE)
    return FoundFile(uri, path, status.st_size, status.st_mtime_ns, root=root, ctime_ns=status.st_ctime_ns)


def hash_file(found: FoundFile) -> SourceFile | SkippedFile:
    """Compute the sha256 of a file's content; skip the file if it can't be read or has changed since it was found."""
    digest, left = hashlib.sha256(), found.size
    try:
        with open_regular(found.path, found.root) as stream:
            unchanged = _is_unchanged(found, os.fstat(stream.fileno()))
            # No more than its size: a file may grow as fast as it is read.
            while unchanged and left > 0 and (chunk := stream.read(min(left, _HASHED_BYTES))):
                digest.update(chunk)
                left -= len(chunk)
        unchanged = unchanged and _is_unchanged(found, found.path.lstat())
    except OSError as error:
        return SkippedFile(found.uri, f"can't be read: {error.strerror}")
    if not unchanged:
        return SkippedFile(found.uri, "is being written: it waits for the next run", waits=True)
    return make_source_file(found, digest.hexdigest())


def make_source_file(found: FoundFile, source_sha256: str) -> SourceFile:
    """Return a found file together with the sha256 of its content."""
    return SourceFile(source_sha256=source_sha256, **vars(found))


def has_changed(file: SourceFile) -> bool:
    """Return whether a file's size or times differ from when it was hashed, or the file is gone."""
    try:
        return not _is_unchanged(file, file.path.lstat())
    except OSError:
        return True


def _is_unchanged(file: FoundFile, status: os.stat_result) -> bool:
    """Return whether a file has the size and times that it was found with."""
    return (
        stat.S_ISREG(status.st_mode)
        and (status.st_size, status.st_mtime_ns) == (file.size, file.mtime_ns)
        and file.ctime_ns in (None, status.st_ctime_ns)
    )


def group_found_files(files: Sequence[_AnyFile], most_bytes: int = GROUP_BYTES) -> list[tuple[_AnyFile, ...]]:
    """Group the files that were found in the inbox, in order, at most `GROUP_FILES` and `most_bytes` in a group.

    A larger file is a group of its own. So thousands of small files cost a few tasks.
    """
    groups: list[list[_AnyFile]] = []
    for file in files:
        last = groups[-1] if groups else []
        full = len(last) >= GROUP_FILES or sum(each.size for each in last) + file.size > most_bytes
        if not last or full:
            groups.append([file])
        else:
            last.append(file)
    return [tuple(group) for group in groups]
