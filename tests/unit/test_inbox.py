"""Tests which files of the inbox are found or skipped, and how files are grouped."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.inbox.source_files import (
    GROUP_BYTES,
    GROUP_FILES,
    HAS_LABELS,
    Findings,
    FoundFile,
    SkippedFile,
    SourceFile,
    group_found_files,
    has_changed,
    hash_file,
    look_at_named,
    look_into,
)
from tests.support.odd_files import deep_tree


def write(path: Path, content: bytes = b"text") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def make_source(number: int, size: int) -> SourceFile:
    return SourceFile(f"{number}.csv", Path(f"{number}.csv"), size, 0, f"{number:064}")


def test_files_are_found_in_every_folder_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "2026/11/c.csv"):
        write(tmp_path / name)
    assert [file.uri for file in look_into(tmp_path).files] == ["a.csv", "b.csv", "2026/11/c.csv"]


@pytest.mark.parametrize(
    "name", ["~lock.csv", "new.CSV.TMP", ".hidden/a.csv", "_committed_71", "a.csv.crc", "Read Me.md"]
)
def test_hidden_and_unfinished_files_are_no_ones_business_yet(tmp_path: Path, name: str) -> None:
    write(tmp_path / name)
    assert look_into(tmp_path) == Findings((), ())


def test_what_is_no_plain_file_is_passed_over_and_said(tmp_path: Path) -> None:
    inbox, outside = tmp_path / "inbox", write(tmp_path / "outside" / "secret.csv")
    write(inbox / "good.csv")
    (inbox / "file.csv").symlink_to(outside)
    (inbox / "folder").symlink_to(outside.parent)
    os.mkfifo(inbox / "pipe.csv")
    write(inbox / os.fsdecode(b"caf\xe9.csv"))
    with write(inbox / "sparse.csv").open("wb") as file:
        file.truncate(2**40)
    findings = look_into(inbox)
    assert [file.uri for file in findings.files] == ["good.csv"]
    reasons = {each.uri: each.reason for each in findings.skipped}
    assert "link" in reasons.pop("file.csv")
    assert "link" in reasons.pop("folder")
    assert reasons.pop("pipe.csv") == "is not a regular file"
    assert reasons.pop("sparse.csv") == "is larger than 64 GiB, the limit: split it"
    [(_, reason)] = reasons.items()
    assert "not UTF-8" in reason


def test_a_named_folder_is_looked_through_and_a_missing_name_is_said(tmp_path: Path) -> None:
    write(tmp_path / "exports" / "a.csv")
    findings = look_at_named([tmp_path / "exports", tmp_path / "missing.csv"], tmp_path / "inbox")
    assert [file.uri for file in findings.files] == [str(tmp_path / "exports" / "a.csv")]
    assert "can't be accessed" in findings.skipped[0].reason


@pytest.mark.parametrize(
    "name", ["inbox/deep/../labels/a.csv", "inbox/within", "alias/a.csv", "home/inbox/labels/a.csv", "home"]
)
def test_a_file_of_the_inbox_is_known_as_such_however_it_is_named(tmp_path: Path, name: str) -> None:
    inbox = tmp_path / "inbox"
    write(inbox / "labels" / "a.csv")
    (inbox / "deep").mkdir()
    (inbox / "within").symlink_to(inbox / "labels")
    (tmp_path / "alias").symlink_to(inbox / "labels")
    (tmp_path / "home").symlink_to(tmp_path)
    findings = look_at_named([tmp_path / name], inbox)
    assert not findings.files
    assert SkippedFile("labels/a.csv", HAS_LABELS) in findings.skipped


def test_a_file_of_the_inbox_that_is_named_twice_is_one_file(tmp_path: Path) -> None:
    inbox = tmp_path / "home" / "inbox"
    path = write(inbox / "shop-a" / "a.csv")
    (tmp_path / "alias").symlink_to(inbox)
    named = [path, inbox / "x" / ".." / "shop-a" / "a.csv", tmp_path / "alias" / "shop-a", tmp_path / "alias"]
    findings = look_at_named(named, inbox)
    assert findings == look_into(inbox)
    assert [(file.path, file.root) for file in findings.files] == [(path, inbox)]


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("outside/labels", "{tmp}/outside/labels/b.csv"),
        ("alias/a.csv", "{tmp}/alias/a.csv"),
        ("inbox/out/a.csv", "out/a.csv"),
        ("inbox/labels/../../outside/a.csv", "{tmp}/inbox/labels/../../outside/a.csv"),
    ],
)
def test_a_file_outside_the_inbox_keeps_the_name_that_it_was_given(
    tmp_path: Path, name: str, uri: str
) -> None:
    write(tmp_path / "outside" / "a.csv")
    write(tmp_path / "outside" / "labels" / "b.csv")
    (tmp_path / "inbox" / "labels").mkdir(parents=True)
    (tmp_path / "inbox" / "out").symlink_to(tmp_path / "outside")
    (tmp_path / "alias").symlink_to(tmp_path / "outside")
    [found] = look_at_named([tmp_path / name], tmp_path / "inbox").files
    assert found.uri == uri.format(tmp=tmp_path)
    assert isinstance(hash_file(found), SourceFile)


@pytest.mark.parametrize("name", ["inbox/file.csv", "inbox/inner.csv", "inbox/deep/../loop.csv", "alias.csv"])
def test_a_named_link_is_not_followed_wherever_it_leads(tmp_path: Path, name: str) -> None:
    inner = write(tmp_path / "inbox" / "deep" / "b.csv")
    (tmp_path / "inbox" / "file.csv").symlink_to(write(tmp_path / "outside.csv"))
    (tmp_path / "inbox" / "inner.csv").symlink_to(inner)
    (tmp_path / "inbox" / "loop.csv").symlink_to(tmp_path / "inbox" / "loop.csv")
    (tmp_path / "alias.csv").symlink_to(inner)
    findings = look_at_named([tmp_path / name], tmp_path / "inbox")
    assert not findings.files
    assert ["is a link" in each.reason for each in findings.skipped] == [True]


@pytest.mark.parametrize("name", ["deep/../../..", "a\nb/../c.csv", "no/../such/..", "\udcff/../a.csv"])
def test_a_hostile_name_of_the_inbox_stops_no_other_file(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "base" / "home" / "inbox" / "deep" / "b.csv")
    inbox = path.parents[1]
    findings = look_at_named([inbox / name, path], inbox)
    assert "deep/b.csv" in [file.uri for file in findings.files]


def test_a_file_that_changes_while_it_is_read_waits(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv")
    found = look_into(tmp_path).files[0]
    write(path, b"more text")
    assert "waits for the next run" in getattr(hash_file(found), "reason", "")


def test_a_file_that_is_gone_is_said(tmp_path: Path) -> None:
    gone = FoundFile("a.csv", tmp_path / "a.csv", 1, 1)
    assert "can't be read" in getattr(hash_file(gone), "reason", "")


def test_a_file_that_was_changed_and_given_its_time_back_has_changed(tmp_path: Path) -> None:
    write(tmp_path / "a.csv")
    hashed = hash_file(look_into(tmp_path).files[0])
    assert isinstance(hashed, SourceFile)
    assert not has_changed(hashed)
    assert has_changed(replace(hashed, ctime_ns=1))


@pytest.mark.process
def test_a_tree_deeper_than_pythons_stack_is_passed_over_and_stops_no_other_file(tmp_path: Path) -> None:
    write(tmp_path / "good.csv")
    with deep_tree(tmp_path / "deep", sys.getrecursionlimit() + 100):
        findings = look_into(tmp_path)
    assert [file.uri for file in findings.files] == ["good.csv"]
    assert [each.reason for each in findings.skipped] == ["lies more than 100 folders deep: move it up"]


def test_a_folder_that_is_no_more_or_became_a_file_is_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv")
    for top in (path, tmp_path / "gone"):
        assert "can't be listed" in look_into(top).skipped[0].reason


def test_small_files_go_together_and_a_large_one_alone() -> None:
    files = [make_source(1, 10), make_source(2, 10), make_source(3, GROUP_BYTES * 2), make_source(4, 10)]
    groups = [[file.uri for file in group] for group in group_found_files(files)]
    assert groups == [["1.csv", "2.csv"], ["3.csv"], ["4.csv"]]


def test_a_group_has_a_largest_number_of_files() -> None:
    groups = group_found_files([make_source(number, 1) for number in range(GROUP_FILES + 1)])
    assert [len(group) for group in groups] == [GROUP_FILES, 1]
