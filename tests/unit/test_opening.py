"""Tests that only regular files below the folder are opened, even if a file was replaced after it was found."""

import os
import stat
from pathlib import Path

import pytest

from data_contracts.errors import FileRefusedError
from tasks.inbox.opening import open_folder_of, open_regular, place_within
from tasks.inbox.source_files import SkippedFile, hash_file, look_into
from tasks.reading.reader import ReadOptions, read_review_file
from tasks.reading.streams import read_stream


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """An inbox with a file in a folder, and a secret file of the same name outside."""
    for folder in ("inbox/deep", "outside"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.csv").write_text("text\na good film\n")
    return tmp_path / "inbox"


def swap_for_link(inbox: Path) -> Path:
    """Replace a folder of the inbox by a link to the folder outside; return the path of the file below."""
    (inbox / "deep").rename(inbox / ".before")
    (inbox / "deep").symlink_to(inbox.parent / "outside")
    return inbox / "deep" / "a.csv"


def test_a_pipe_in_the_place_of_a_found_file_is_passed_over(inbox: Path) -> None:
    [found] = look_into(inbox).files
    found.path.unlink()
    os.mkfifo(found.path)
    assert hash_file(found) == SkippedFile("deep/a.csv", "can't be read: it is a folder, a pipe or a device")


def test_a_pipe_put_in_place_between_the_look_and_the_opening_is_not_read(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    regular = (inbox / "deep" / "a.csv").stat()
    os.mkfifo(inbox / "pipe.csv")
    monkeypatch.setattr("tasks.inbox.opening.os.stat", lambda *_, **__: regular)
    with pytest.raises(OSError, match="a pipe or a device"):
        open_regular(inbox / "pipe.csv")


@pytest.mark.parametrize("path", ["/dev/null", "/dev", "/dev/fd"])
def test_a_device_a_folder_and_a_link_are_not_opened(path: str) -> None:
    with pytest.raises(OSError, match="it is a"):
        open_regular(Path(path))


def test_a_link_in_the_place_of_a_folder_leads_to_nothing_that_is_hashed(inbox: Path) -> None:
    [found] = look_into(inbox).files
    swap_for_link(inbox)
    assert isinstance(hash_file(found), SkippedFile)


def test_a_link_in_the_place_of_a_folder_leads_to_nothing_that_is_read(inbox: Path) -> None:
    path = swap_for_link(inbox)
    with pytest.raises(FileRefusedError, match="file_unreadable"):
        list(read_review_file(path, ReadOptions(root=inbox)))


def test_a_link_in_the_place_of_a_folder_leads_to_nothing_that_is_moved(inbox: Path) -> None:
    with pytest.raises(OSError, match=r"deep|Not a directory"), open_folder_of(swap_for_link(inbox), inbox):
        pass


def test_a_path_that_climbs_out_of_its_folder_is_not_opened(inbox: Path) -> None:
    with pytest.raises(OSError, match="leads out"):
        open_regular(inbox / "deep" / ".." / ".." / "outside" / "a.csv", inbox)


def test_a_folder_that_may_be_passed_and_not_listed_is_no_hindrance(inbox: Path) -> None:
    (inbox / "deep").chmod(stat.S_IXUSR)
    try:
        with open_regular(inbox / "deep" / "a.csv", inbox) as file:
            assert file.read(4) == b"text"
    finally:
        (inbox / "deep").chmod(0o700)


def test_no_more_is_read_than_there_was_when_a_file_was_opened(inbox: Path) -> None:
    with open_regular(inbox / "deep" / "a.csv") as file:
        assert b"".join(read_stream(file, 4)) == b"text"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv", "a.csv"),
        ("deep/../a.csv", "a.csv"),
        ("link-within/a.csv", "deep/a.csv"),
        ("../outside/a.csv", None),
        ("link-out/a.csv", None),
        ("link-out", None),
        ("deep/../../outside", None),
        ("loop", "loop"),
        ("/etc/hostname", None),
    ],
)
def test_a_path_lies_where_its_links_and_dots_lead(inbox: Path, name: str, expected: str | None) -> None:
    (inbox / "link-within").symlink_to(inbox / "deep")
    (inbox / "link-out").symlink_to(inbox.parent / "outside")
    (inbox / "loop").symlink_to(inbox / "loop")
    placed = place_within(inbox / name, [inbox])
    assert placed == (None if expected is None else (inbox, inbox / expected))


def test_a_folder_that_is_a_link_itself_holds_what_lies_in_it(inbox: Path) -> None:
    (inbox.parent / "drop").symlink_to(inbox)
    drop = inbox.parent / "drop"
    assert place_within(drop / "deep" / "a.csv", [drop]) == (drop, drop / "deep" / "a.csv")
