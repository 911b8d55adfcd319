"""Builds small archives in Stanford's layout, correct or broken."""

import gzip
import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

from data_contracts.archive import FOLDERS

REVIEWS_PER_FOLDER = 3
RATING = {"neg": 2, "pos": 9, "unsup": 0}

Member = tuple[tarfile.TarInfo, bytes]


def list_files() -> dict[str, bytes]:
    """Return the files of a correct archive, by path: three reviews and URLs in each folder."""
    files = {}
    for split, label in FOLDERS:
        for number in range(REVIEWS_PER_FOLDER):
            text = f"Review {number} of the {label} folder in {split}: a naïve little text."
            files[f"aclImdb/{split}/{label}/{number}_{RATING[label]}.txt"] = text.encode()
        urls = [f"http://www.imdb.com/title/tt000{number}00{len(label)}/usercomments" for number in range(3)]
        files[f"aclImdb/{split}/urls_{label}.txt"] = ("\n".join(urls) + "\n").encode()
    return files


def list_learnable_files() -> dict[str, bytes]:
    """Return the files of an archive of a few reviews that are easy to classify, one of each title in each folder."""
    titles, files = 30, {}
    for split, label in FOLDERS:
        first = titles if split == "test" else 0
        word = {"pos": "good", "neg": "bad", "unsup": "some"}[label]
        for number in range(titles):
            others = " ".join(f"word{(number * 7 + step) % 90}" for step in range(12))
            text = f"A {word} film number {number} in {split} {label}, with {others}"
            files[f"aclImdb/{split}/{label}/{number}_{RATING[label]}.txt"] = text.encode()
        urls = [f"http://www.imdb.com/title/tt{first + number:07}/usercomments" for number in range(titles)]
        files[f"aclImdb/{split}/urls_{label}.txt"] = ("\n".join(urls) + "\n").encode()
    return files


def make_member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> Member:
    """Make one member of any kind."""
    member = tarfile.TarInfo(name)
    member.size, member.type, member.linkname = len(data), kind, link
    return member, data


def make_members(files: dict[str, bytes]) -> list[Member]:
    """Make a regular-file member of each entry, in order."""
    return [make_member(name, data) for name, data in files.items()]


def pack_tar(members: Iterable[Member]) -> bytes:
    """Pack members into a tar with the given headers."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for member, data in members:
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def write_archive(path: Path, files: dict[str, bytes] | None = None, extra: Iterable[Member] = ()) -> Path:
    """Write a .tar.gz of the files, those of `list_files` if none are given, and of extra members."""
    members = make_members(list_files() if files is None else files)
    path.write_bytes(gzip.compress(pack_tar([*members, *extra]), compresslevel=1, mtime=0))
    return path
