"""Tests of durable writes: synced before the rename, the folder after it; complete or not at all; no leftovers."""

import errno
import os
import stat
from pathlib import Path

import pytest

from data_contracts.storage.durable import (
    build_folder,
    create_whole,
    make_durable,
    make_folder,
    move_all,
    name_temporary,
    remove_leftovers,
    write_all_whole,
    write_whole,
)

GONE = 999_999_999
"""No process has this number."""


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The recorded syncs and renames, in order, by the names of the paths."""
    made: list[str] = []
    sync, replace = os.fsync, os.replace

    def note_sync(descriptor: int) -> None:
        made.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink().name}")
        sync(descriptor)

    def note_rename(source: Path, target: Path, **options: int) -> None:
        made.append(f"rename {Path(source).name} {Path(target).name}")
        replace(source, target, **options)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_rename)
    return made


def write(path: Path, text: str, *, dies: bool = False) -> None:
    with write_whole(path) as temporary:
        temporary.write_text(text)
        temporary.with_name(f"{temporary.name}.wal").write_text(
            "a log beside it, of which the writer knows nothing"
        )
        if dies:
            raise KeyboardInterrupt


def build(path: Path, *, dies: bool = False) -> None:
    with build_folder(path) as temporary:
        (temporary / "inner").mkdir()
        (temporary / "inner" / "deep").write_text("1")
        (temporary / "file").write_text("2")
        if dies:
            raise KeyboardInterrupt


def test_a_file_is_synced_then_renamed_then_its_folder_is_synced(tmp_path: Path, calls: list[str]) -> None:
    write(tmp_path / "a", "whole")
    temporary = name_temporary(tmp_path / "a").name
    assert calls == [f"sync {temporary}", f"rename {temporary} a", f"sync {tmp_path.name}"]


@pytest.mark.parametrize("has_links", [True, False])
def test_a_file_that_is_there_is_not_created_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    def refuse(*paths: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not has_links:
        monkeypatch.setattr(os, "link", refuse)
    create_whole(tmp_path / "a", b"first")
    create_whole(tmp_path / "a", b"second")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "first"}


def test_each_of_many_files_is_synced_then_renamed_and_their_folder_is_synced_once(
    tmp_path: Path, calls: list[str]
) -> None:
    names = [f"file-{number}" for number in range(20)]
    assert write_all_whole(tmp_path, [(name, name.encode()) for name in names]) == 20
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {name: name for name in names}
    temporary = {name: name_temporary(tmp_path / name).name for name in names}
    assert all(
        calls.index(f"sync {other}") < calls.index(f"rename {other} {name}")
        for name, other in temporary.items()
    )
    assert calls[-1] == f"sync {tmp_path.name}"
    assert len(calls) == 2 * len(names) + 1


def test_a_file_that_can_not_be_synced_does_not_get_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "a", "new")
    with pytest.raises(OSError, match="No space left"):
        write_all_whole(tmp_path, [("a", b"new"), ("b", b"new")])
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "old")]


def test_all_that_is_in_a_folder_is_synced_before_it_gets_its_name(tmp_path: Path, calls: list[str]) -> None:
    build(tmp_path / "a")
    temporary = name_temporary(tmp_path / "a").name
    before = calls[: calls.index(f"rename {temporary} a")]
    assert sorted(before) == sorted(f"sync {name}" for name in (temporary, "inner", "deep", "file"))
    assert calls[len(before) + 1 :] == [f"sync {tmp_path.name}"]


def test_folders_above_are_made_durably(tmp_path: Path, calls: list[str]) -> None:
    make_folder(tmp_path / "a" / "b", 0o700)
    assert calls == [f"sync {tmp_path.name}", "sync a"]
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700


def test_the_folders_of_what_is_moved_are_synced_after_all_of_it(tmp_path: Path, calls: list[str]) -> None:
    for name in ("from", "to"):
        (tmp_path / name).mkdir()
    for name in "ab":
        (tmp_path / "from" / name).write_text(name)
    move_all((tmp_path / "from" / name, tmp_path / "to" / name) for name in "ab")
    assert calls[:2] == ["rename a a", "rename b b"]
    assert sorted(calls[2:]) == ["sync from", "sync to"]


def test_a_block_that_fails_leaves_what_was_there_and_nothing_beside_it(tmp_path: Path) -> None:
    write(tmp_path / "a", "before")
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "a", "half", dies=True)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "before")]


def test_a_folder_whose_block_fails_is_removed(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "a", dies=True)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_makes_room_only_if_it_is_to(tmp_path: Path) -> None:
    for text in ("before", "after"):
        with build_folder(tmp_path / "a", replace=True) as temporary:
            (temporary / text).write_text(text)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["after"]
    with pytest.raises(OSError, match="not empty"), build_folder(tmp_path / "a"):
        pass
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "after"]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EACCES])
def test_a_folder_whose_file_system_syncs_no_folders_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    make_durable(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=os.strerror(number)):
        make_durable(tmp_path / "file")


def leave(folder: Path) -> dict[str, Path]:
    """Leave unfinished files of this, of another and of an ended process, and files of other programs."""
    names = {
        "own": f".a.{os.getpid()}.tmp",
        "other": f".a.{os.getppid()}.tmp",
        "gone": f".a.{GONE}.tmp",
        "log": f".a.{GONE}.tmp.wal",
        "of another name": f".b [1].{GONE}.tmp",
        "foreign": ".a.tmp",
        "whole": "a",
    }
    for name in names.values():
        (folder / name).write_text("half")
    (folder / f".folder.{GONE}.tmp" / "inner").mkdir(parents=True)
    return {what: folder / name for what, name in names.items()}


@pytest.mark.parametrize(
    ("name", "held", "left"),
    [
        (None, False, {"other", "foreign", "whole"}),
        (None, True, {"foreign", "whole"}),
        ("b [1]", False, {"own", "other", "gone", "log", "foreign", "whole"}),
    ],
    ids=["of all names", "in a folder that is held", "of one name"],
)
def test_leftovers_go_unless_their_process_goes_on(
    tmp_path: Path, name: str | None, held: bool, left: set[str]
) -> None:
    paths = leave(tmp_path)
    remove_leftovers(tmp_path, name, held=held)
    assert {what for what, path in paths.items() if path.exists()} == left
    assert (tmp_path / f".folder.{GONE}.tmp").exists() == (name is not None)


def test_a_writer_removes_what_a_killed_one_left_of_its_name(tmp_path: Path) -> None:
    (tmp_path / f".a.{GONE}.tmp").write_text("half")
    write(tmp_path / "a", "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
