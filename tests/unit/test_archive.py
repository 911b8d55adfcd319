"""Tests that an archive is read completely and correctly, or refused with the name of the bad member."""

import dataclasses
import gzip
import random
import tarfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.archive import (
    CONTENT_DIGESTS,
    FOLDERS,
    MAX_REVIEW_BYTES,
    MAX_URL_LIST_BYTES,
    PUBLISHED_SHA256,
    SKIPPED_FILES,
)
from data_contracts.errors import SourceError
from tasks.archive.dataset_identity import resolve_provenance
from tasks.archive.reader import ArchiveContents, read_archive
from tests.support.small_archive import Member, list_files, make_member, make_members, pack_tar, write_archive

NEW_REVIEW = "aclImdb/train/pos/1_8.txt"


@pytest.fixture
def contents(tmp_path: Path) -> ArchiveContents:
    return read_archive(write_archive(tmp_path / "small.tar.gz"))


def test_every_folder_is_read_in_the_order_of_its_review_numbers(tmp_path: Path) -> None:
    files = {name: data for name, data in list_files().items() if "/train/pos/" not in name}
    for number in (10, 9, 2):
        files[f"aclImdb/train/pos/{number}_7.txt"] = f"number {number}".encode()
    files["aclImdb/train/urls_pos.txt"] = b"http://www.imdb.com/title/tt0000001/usercomments\n" * 11
    contents = read_archive(write_archive(tmp_path / "a.tar.gz", files))
    assert [(folder.split, folder.label) for folder in contents.folders] == list(FOLDERS)
    folder = contents.folders[1]
    assert folder.review_numbers.to_pylist() == [2, 9, 10]
    assert folder.texts.to_pylist() == ["number 2", "number 9", "number 10"]
    assert folder.ratings.to_pylist() == [7, 7, 7]
    assert folder.text_sha256[0].as_py() == sha256(b"number 2").hexdigest()
    assert contents.folders[0].title_ids.to_pylist() == ["tt0000003", "tt0001003", "tt0002003"]


def shuffle_members() -> bytes:
    names = list(list_files())
    random.Random(7).shuffle(names)
    return pack_tar(make_members({name: list_files()[name] for name in names}))


def dot_names() -> bytes:
    files = {f"./{name}": data for name, data in list_files().items()}
    return pack_tar([*make_members(files), make_member("./", kind=tarfile.DIRTYPE)])


def cut_gzip() -> bytes:
    packed = pack_tar(make_members(list_files()))
    return gzip.compress(packed[:5000]) + gzip.compress(packed[5000:])


@pytest.mark.parametrize("pack", [shuffle_members, dot_names, cut_gzip])
def test_however_an_archive_is_packed_its_content_is_the_same(
    tmp_path: Path, contents: ArchiveContents, pack: Callable[[], bytes]
) -> None:
    (tmp_path / "again").write_bytes(pack())
    again = read_archive(tmp_path / "again")
    assert (again.content_digest, again.folders) == (contents.content_digest, contents.folders)
    assert again.source_sha256 != contents.source_sha256


def test_the_published_archives_other_members_are_skipped(tmp_path: Path, contents: ArchiveContents) -> None:
    others = [make_member(f"aclImdb/{name}", b"\xff not read") for name in SKIPPED_FILES]
    folders = ["aclImdb", "aclImdb/train", "aclImdb/test", "aclImdb/train/unsup"]
    directories = [make_member(name, kind=tarfile.DIRTYPE) for name in folders]
    path = write_archive(tmp_path / "a.tar.gz", extra=[*others, *directories])
    assert read_archive(path).content_digest == contents.content_digest


def _with(*extra: Member, without: str = "", replaced: dict[str, bytes] | None = None) -> bytes:
    files = {**list_files(), **(replaced or {})}
    files.pop(without, None)
    return pack_tar([*make_members(files), *extra])


def _with_file(name: str, data: bytes = b"text") -> bytes:
    return _with(make_member(name, data))


def _claim(name: str, size: int) -> bytes:
    """Return a tar whose first member claims more bytes than it has."""
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.GNU_FORMAT) + _with()


TWO_MEMBERS = 4 * 512
"""Bytes of the first two members of a correct archive: a header and a block of text each."""
CAN_NOT = "can't be read as .tar.gz or .tar"
NO_PLACE = "has no place in the layout"
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "a name that climbs out": (lambda: _with_file("aclImdb/../../evil.txt"), NO_PLACE),
    "an absolute name": (lambda: _with_file("/etc/evil.txt"), NO_PLACE),
    "a symbolic link": (
        lambda: _with(make_member(NEW_REVIEW, kind=tarfile.SYMTYPE, link="/etc/hosts")),
        "is no plain file",
    ),
    "a rating of eleven": (lambda: _with_file("aclImdb/train/pos/17_11.txt"), NO_PLACE),
    "a review that comes twice": (lambda: _with_file("aclImdb/train/pos/1_9.txt"), "repeats review number 1"),
    "a missing URL list": (
        lambda: _with(without="aclImdb/test/urls_neg.txt"),
        "'aclImdb/test/urls_neg.txt' is missing",
    ),
    "a review past its URL list": (
        lambda: _with_file("aclImdb/test/pos/3_9.txt"),
        "review 3 of test/pos has no line in its URL list (urls_pos.txt has 3 lines)",
    ),
    "a URL without a title": (
        lambda: _with(replaced={"aclImdb/test/urls_neg.txt": b"http://www.imdb.com/name/nm0000001/\n" * 3}),
        "line 0 (from 0) of test/urls_neg.txt has no title id",
    ),
    "a text that is not UTF-8": (
        lambda: _with(replaced={"aclImdb/test/neg/2_2.txt": b"caf\xe9"}),
        "'aclImdb/test/neg/2_2.txt' is not UTF-8 at its byte 3",
    ),
    "a text over the limit": (
        lambda: _with_file("aclImdb/test/pos/3_9.txt", b"x" * (MAX_REVIEW_BYTES + 1)),
        "'aclImdb/test/pos/3_9.txt' claims 1048577 bytes",
    ),
    "a URL list over the limit": (
        lambda: _claim("aclImdb/train/urls_pos.txt", MAX_URL_LIST_BYTES + 1),
        "claims 16777217 bytes",
    ),
    "a tar cut off between members": (lambda: _with()[:TWO_MEMBERS], "the tar ends"),
    "no members": (lambda: pack_tar([]), "is missing"),
    "a web page": (lambda: b"<!DOCTYPE html><html>Please log in</html>" * 40, CAN_NOT),
    "a bomb": (lambda: gzip.compress(_with() + bytes(40 << 20)), "unpacks to more than 16,777,216 bytes"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_archive_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    make, words = HOSTILE[kind]
    path = tmp_path / "hostile.tar.gz"
    path.write_bytes(make())
    with pytest.raises(SourceError) as refusal:
        read_archive(path)
    message = str(refusal.value)
    assert words in message
    assert message.startswith(f"{path}: ")
    assert "Next: " in message


def test_a_total_over_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.archive.reader.MAX_TOTAL_BYTES", 10_000)
    with pytest.raises(SourceError, match="unpacks to more than"):
        read_archive(write_archive(tmp_path / "a.tar.gz"))


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.archive.reader.MAX_MEMBERS", 5)
    with pytest.raises(SourceError, match="more than 5 members"):
        read_archive(write_archive(tmp_path / "a.tar.gz"))


@pytest.mark.slow
@settings(max_examples=300)
@given(data=st.data())
def test_any_damage_to_a_tar_gives_contents_or_a_source_error(tmp_path: Path, data: st.DataObject) -> None:
    packed = bytearray(_with())
    for _ in range(data.draw(st.integers(1, 4))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.tar"
    path.write_bytes(
        bytes(packed[: data.draw(st.integers(0, len(packed)))] if data.draw(st.booleans()) else packed)
    )
    try:
        contents = read_archive(path)
    except SourceError as error:
        assert "Next: " in str(error)  # noqa: PT017 - either outcome is right
    else:
        assert len(contents.folders) == len(FOLDERS)


def test_the_published_bytes_are_verified_by_their_checksum(contents: ArchiveContents) -> None:
    published = dataclasses.replace(contents, source_sha256=PUBLISHED_SHA256)
    provenance = resolve_provenance(published)
    assert (provenance.dataset, provenance.verification) == ("stanford", "published")


def test_an_archive_packed_anew_is_verified_by_its_content(contents: ArchiveContents) -> None:
    repacked = dataclasses.replace(contents, content_digest=CONTENT_DIGESTS["stanford"])
    provenance = resolve_provenance(repacked)
    assert (provenance.dataset, provenance.verification) == ("stanford", "content")


def test_an_unknown_archive_is_refused_unless_it_is_accepted_knowingly(contents: ArchiveContents) -> None:
    with pytest.raises(SourceError) as refusal:
        resolve_provenance(contents)
    for words in (contents.content_digest, contents.source_sha256, "--accept-unverified"):
        assert words in str(refusal.value)
    provenance = resolve_provenance(contents, accept_unverified=True)
    assert (provenance.dataset, provenance.verification) == ("other", "accepted_unverified")


def test_the_data_fingerprint_tells_verified_from_accepted_data_and_not_how_it_is_packed(
    contents: ArchiveContents, monkeypatch: pytest.MonkeyPatch
) -> None:
    repacked = dataclasses.replace(contents, source_sha256=sha256(b"another file").hexdigest())
    accepted, again = (resolve_provenance(each, True).data_fingerprint for each in (contents, repacked))
    monkeypatch.setattr("tasks.archive.dataset_identity.CONTENT_DIGESTS", {"sample": contents.content_digest})
    verified = resolve_provenance(contents)
    assert (accepted == again, verified.dataset) == (True, "sample")
    assert verified.data_fingerprint != accepted
