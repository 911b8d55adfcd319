"""Tests that those who wait for a lock are shown who holds it."""

import os
from pathlib import Path

import pytest

from tasks.support import lock_holders
from tasks.support.lock_holders import describe_holder
from tasks.support.locking import hold_folder

pytestmark = pytest.mark.skipif(not lock_holders.LOCKS.exists(), reason="only Linux lists locks")


def test_the_holder_of_a_folder_is_named_with_its_command(tmp_path: Path) -> None:
    with hold_folder(tmp_path):
        assert describe_holder(tmp_path).startswith(f"process {os.getpid()} (")


def test_a_lock_on_a_file_of_the_same_number_elsewhere_does_not_mislead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = tmp_path.stat()
    here = f"{os.major(facts.st_dev):02x}:{os.minor(facts.st_dev):02x}:{facts.st_ino}"
    places = [(1, f"ff:ff:{facts.st_ino}"), (os.getpid(), here)]
    lines = [f"1: FLOCK ADVISORY WRITE {process} {place} 0 EOF\n" for process, place in places]
    monkeypatch.setattr(lock_holders, "LOCKS", tmp_path / "locks")
    lock_holders.LOCKS.write_text("".join(lines), "ascii")
    assert describe_holder(tmp_path).startswith(f"process {os.getpid()} (")


def test_a_holder_that_can_not_be_found_is_another_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert describe_holder(tmp_path) == "another run"
    monkeypatch.setattr(lock_holders, "LOCKS", tmp_path / "none")
    assert describe_holder(tmp_path) == "another run"
