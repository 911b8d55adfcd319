"""What lies in the inbox: which files there are, what they hold by content, and how they go in groups."""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

UNFINISHED_SUFFIXES = (".part", ".tmp", ".crdownload", ".partial", ".swp")
"""Names that programs give to files that they are still writing."""
GROUP_BYTES = 32 * 2**20
GROUP_FILES = 500


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


@dataclass(frozen=True)
class SourceFile:
    """A found file whose content is known by the sha256 of its bytes."""

    uri: str
    path: Path
    size: int
    mtime_ns: int
    source_sha256: str


@dataclass(frozen=True)
class PassedOver:
    """Something in the inbox that is not read, and why."""

    uri: str
    reason: str


@dataclass(frozen=True)
class Findings:
    """What one look at the inbox gave, in the order of the names."""

    files: tuple[FoundFile, ...]
    passed_over: tuple[PassedOver, ...]


def look_into(inbox: Path) -> Findings:
    """Find every file below `inbox`; hidden and unfinished ones and links are passed over."""
    files: list[FoundFile] = []
    passed_over: list[PassedOver] = []
    for path in _walk(inbox, passed_over):
        uri = path.relative_to(inbox).as_posix()
        found = _look_at(path, uri)
        if isinstance(found, FoundFile):
            files.append(found)
        elif found is not None:
            passed_over.append(found)
    return Findings(tuple(files), tuple(passed_over))


def look_at_named(paths: Sequence[Path], inbox: Path) -> Findings:
    """Find the files that the user named, folders included; a name that is not there is passed over."""
    files: dict[str, FoundFile] = {}
    passed_over: list[PassedOver] = []
    for path in (named.absolute() for named in paths):
        for each in _walk(path, passed_over) if path.is_dir() else [path]:
            uri = each.relative_to(inbox).as_posix() if each.is_relative_to(inbox) else each.as_posix()
            found = _look_at(each, uri)
            if isinstance(found, FoundFile):
                files[uri] = found
            else:
                passed_over.append(found or PassedOver(uri, "is a hidden or unfinished file"))
    return Findings(tuple(files.values()), tuple(passed_over))


def _walk(folder: Path, passed_over: list[PassedOver]) -> Iterator[Path]:
    """Give the files and links below `folder`; folders that can't be read are added to `passed_over`."""

    def note(error: OSError) -> None:
        passed_over.append(PassedOver(str(error.filename), f"can't be looked into: {error.strerror}"))

    for parent, folders, names in os.walk(folder, onerror=note):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in sorted([*names, *links]):
            yield Path(parent, name)


def _look_at(path: Path, uri: str) -> FoundFile | PassedOver | None:
    """Give the file, or why it is not read, or None for one that is no one's business yet."""
    try:
        uri.encode()
    except UnicodeEncodeError:
        return PassedOver(uri.encode(errors="replace").decode(), "its name is not UTF-8: rename it")
    if path.name.startswith((".", "~")) or path.name.lower().endswith(UNFINISHED_SUFFIXES):
        return None
    try:
        status = path.lstat()
    except OSError as error:
        return PassedOver(uri, f"can't be looked at: {error.strerror}")
    if stat.S_ISLNK(status.st_mode):
        return PassedOver(uri, "is a link: links are not followed, copy the file itself")
    if not stat.S_ISREG(status.st_mode):
        return PassedOver(uri, "is not a regular file")
    return FoundFile(uri, path, status.st_size, status.st_mtime_ns)


def hash_file(found: FoundFile) -> SourceFile | PassedOver:
    """Read a file's sha256; one that changes or can't be read meanwhile waits for the next run."""
    try:
        with found.path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        status = found.path.stat()
    except OSError as error:
        return PassedOver(found.uri, f"can't be read: {error.strerror}")
    if (status.st_size, status.st_mtime_ns) != (found.size, found.mtime_ns):
        return PassedOver(found.uri, "is being written: it waits for the next run")
    return SourceFile(found.uri, found.path, found.size, found.mtime_ns, digest)


def has_changed(file: SourceFile) -> bool:
    """Tell whether a file is no longer the one that was hashed, by its size and time."""
    try:
        status = file.path.stat()
    except OSError:
        return True
    return (status.st_size, status.st_mtime_ns) != (file.size, file.mtime_ns)


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
