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
