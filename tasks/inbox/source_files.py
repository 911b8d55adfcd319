"""What lies in the inbox: which files there are, what they hold by content, and how they go in groups."""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from tasks.inbox.opening import open_regular

UNFINISHED_SUFFIXES = (".part", ".tmp", ".crdownload", ".partial", ".swp")
"""Names that programs give to files that they are still writing."""
MAX_FILE_BYTES = 64 << 30
"""Size beyond which a file is not read: a sparse one of a terabyte costs its sender nothing, and a run an hour."""
MAX_DEPTH = 100
"""Folders within folders that are looked into."""
HIDDEN = "is a hidden or unfinished file"
"""Why a file is skipped that is not told of, unless it was named."""
GROUP_BYTES = 32 * 2**20
GROUP_FILES = 500
_HASHED_BYTES = 1 << 20


class _HasSize(Protocol):
    @property
    def size(self) -> int: ...


_AnyFile = TypeVar("_AnyFile", bound=_HasSize)


@dataclass(frozen=True)
class FoundFile:
    """A regular file as found; `uri` is its name relative to the inbox, or its whole path outside it."""

    uri: str
    path: Path
    size: int
    mtime_ns: int
    root: Path | None = field(default=None, compare=False)
    """The folder that was looked into: no link is followed below it. None: the file's own folder."""
    ctime_ns: int | None = field(default=None, compare=False)
    """When the system last noted a change; nobody can set it, as they can the file's own time."""


@dataclass(frozen=True)
class SourceFile:
    """A found file whose content is known by the sha256 of its bytes."""

    uri: str
    path: Path
    size: int
    mtime_ns: int
    source_sha256: str
    root: Path | None = field(default=None, compare=False)
    ctime_ns: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class SkippedFile:
    """Something in the inbox that is not read, and why."""

    uri: str
    reason: str


@dataclass(frozen=True)
class Findings:
    """What one look at the inbox gave, in the order of the names."""

    files: tuple[FoundFile, ...]
    skipped: tuple[SkippedFile, ...]


def look_into(inbox: Path) -> Findings:
    """Find every file below `inbox`; hidden and unfinished ones, links and whatever can't be read are skipped."""
    return _sort_out(each for each in _look_below(inbox, inbox, inbox) if not _is_hidden(each))


def look_at_named(paths: Sequence[Path], inbox: Path, roots: Mapping[Path, Path] | None = None) -> Findings:
    """Find the files that were named, folders included; a name that is not there is skipped.

    `roots` has folders by the paths that lie in them: below those no link is followed. Elsewhere none is below a
    named folder.
    """
    found: dict[str, FoundFile | SkippedFile] = {}
    for path in (named.absolute() for named in paths):
        root = (roots or {}).get(path)
        if path.is_dir():
            found.update((each.uri, each) for each in _look_below(path, inbox, root or path))
        else:
            found[_name(path, inbox)] = _look_at(path, inbox, root or path.parent)
    return _sort_out(found.values())


def _sort_out(looked_at: Iterable[FoundFile | SkippedFile]) -> Findings:
    """Tell files from what is skipped."""
    files: list[FoundFile] = []
    skipped: list[SkippedFile] = []
    for each in looked_at:
        if isinstance(each, FoundFile):
            files.append(each)
        else:
            skipped.append(each)
    return Findings(tuple(files), tuple(skipped))


def _is_hidden(found: FoundFile | SkippedFile) -> bool:
    return isinstance(found, SkippedFile) and found.reason == HIDDEN


def _look_below(folder: Path, inbox: Path, root: Path) -> Iterator[FoundFile | SkippedFile]:
    for found in _walk(folder):
        yield found if isinstance(found, SkippedFile) else _look_at(found, inbox, root)


def _walk(top: Path) -> Iterator[Path | SkippedFile]:
    """Give all that is no folder below `top`, in the order of the names, and the folders that can't be looked into.

    It does not call itself: a tree may be deeper than Python's stack.
    """
    waiting = [(top, 0)]
    while waiting:
        folder, depth = waiting.pop()
        if depth > MAX_DEPTH:
            yield _pass_over(str(folder), f"lies more than {MAX_DEPTH} folders deep: move it up")
            continue
        try:
            with os.scandir(folder) as found:
                entries = sorted((each.name, each.is_dir(follow_symlinks=False)) for each in found)
        except OSError as error:
            yield _pass_over(str(folder), f"can't be looked into: {error.strerror}")
            continue
        yield from (folder / name for name, is_folder in entries if not is_folder)
        inner = [name for name, is_folder in entries if is_folder and not name.startswith(".")]
        waiting.extend((folder / name, depth + 1) for name in reversed(inner))


def _name(path: Path, inbox: Path) -> str:
    """Give the name within the inbox, or the whole path outside it."""
    return str(path).removeprefix(f"{inbox}/")


def _pass_over(uri: str, reason: str) -> SkippedFile:
    """Name what is not read, in characters that can be stored and shown whatever its name is made of."""
    return SkippedFile(uri.encode(errors="replace").decode(), reason)


def _look_at(path: Path, inbox: Path, root: Path) -> FoundFile | SkippedFile:
    """Give the file, or why it is not read."""
    uri = _name(path, inbox)
    if path.name.startswith((".", "~")) or path.name.lower().endswith(UNFINISHED_SUFFIXES):
        return _pass_over(uri, HIDDEN)
    try:
        uri.encode()
        status = path.lstat()
    except UnicodeEncodeError:
        return _pass_over(uri, "its name is not UTF-8: rename it")
    except OSError as error:
        return _pass_over(uri, f"can't be looked at: {error.strerror}")
    if stat.S_ISLNK(status.st_mode):
        return _pass_over(uri, "is a link: links are not followed, copy the file itself")
    if not stat.S_ISREG(status.st_mode):
        return _pass_over(uri, "is not a regular file")
    if status.st_size > MAX_FILE_BYTES:
        return _pass_over(uri, f"is larger than {MAX_FILE_BYTES >> 30} GiB, the limit: split it")
    return FoundFile(uri, path, status.st_size, status.st_mtime_ns, root, status.st_ctime_ns)


def hash_file(found: FoundFile) -> SourceFile | SkippedFile:
    """Read a file's sha256; one that changes or can't be read meanwhile waits for the next run."""
    try:
        with open_regular(found.path, found.root) as stream:
            still_it = _is_still(found, os.fstat(stream.fileno()))
            digest = _hash(stream, found.size) if still_it else ""
        still_it = still_it and _is_still(found, found.path.lstat())
    except OSError as error:
        return SkippedFile(found.uri, f"can't be read: {error.strerror}")
    if not still_it:
        return SkippedFile(found.uri, "is being written: it waits for the next run")
    return name_content(found, digest)


def name_content(found: FoundFile, source_sha256: str) -> SourceFile:
    """Give a found file as one whose content is known."""
    return SourceFile(
        found.uri, found.path, found.size, found.mtime_ns, source_sha256, found.root, found.ctime_ns
    )


def _hash(stream: BinaryIO, size: int) -> str:
    """Give the sha256 of the first `size` bytes: a file may grow as fast as it is read."""
    digest = hashlib.sha256()
    while size > 0 and (chunk := stream.read(min(size, _HASHED_BYTES))):
        digest.update(chunk)
        size -= len(chunk)
    return digest.hexdigest()


def has_changed(file: SourceFile) -> bool:
    """Tell whether a file is no longer the one that was hashed, by its size and times."""
    try:
        return not _is_still(file, file.path.lstat())
    except OSError:
        return True


def _is_still(file: FoundFile | SourceFile, status: os.stat_result) -> bool:
    return (
        stat.S_ISREG(status.st_mode)
        and (status.st_size, status.st_mtime_ns) == (file.size, file.mtime_ns)
        and file.ctime_ns in (None, status.st_ctime_ns)
    )


def group_files(files: Sequence[_AnyFile]) -> list[tuple[_AnyFile, ...]]:
    """Put small files together, in order, so that thousands of them cost a few tasks; a large one is alone."""
    groups: list[list[_AnyFile]] = []
    for file in files:
        last = groups[-1] if groups else []
        full = len(last) >= GROUP_FILES or sum(each.size for each in last) + file.size > GROUP_BYTES
        if not last or full:
            groups.append([file])
        else:
            last.append(file)
    return [tuple(group) for group in groups]
