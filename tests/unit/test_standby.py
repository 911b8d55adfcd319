"""The standby: the copy that was replaced is brought up to date and published next, unless that could do harm."""

import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest

from data_contracts.storage.home import Home
from tasks.maintenance.forgetting import ForgetRequest, forget
from tasks.warehouse.commit import commit_parts
from tasks.warehouse.database.rewriting import rewrite_warehouse
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.published import open_published
from tasks.warehouse.publishing import publish
from tests.support.once import copy_once
from tests.support.warehouse_parts import PartFile, write_part
from tests.unit.view_tables import add_source_row

SECRET = "a text that must not stay"
_NUMBERS = count()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose copy was published twice, so that there is a standby."""
    copy_once("published twice", tmp_path, lambda folder: publish_twice(Home(folder / "home")))
    return Home(tmp_path / "home")


def publish_twice(home: Home) -> None:
    for _ in range(2):
        publish_one_more(home)


def publish_one_more(home: Home) -> None:
    """Insert a review, and publish."""
    name = f"{os.getpid()}-{next(_NUMBERS)}.csv"
    with open_warehouse(home.warehouse, write=True) as connection:
        add_source_row(connection, name, 1, text="A good film.", review_id=name)
    publish(home)


def count_published(home: Home) -> int:
    with open_published(home.published) as connection:
        [(rows,)] = connection.execute("SELECT count(*) FROM source_reviews").fetchall()
    return int(rows)


def is_copied(home: Home) -> bool:
    """Return whether the copy has the bytes of the database; zeros may follow for free blocks that were cut off."""
    copied, content = home.published.read_bytes(), home.warehouse.read_bytes()
    return copied.startswith(content) and not any(copied[len(content) :])


@pytest.mark.slow
def test_the_standby_is_published_next_with_the_bytes_of_the_database(home: Home) -> None:
    for _ in range(3):
        standby, published = home.standby.stat().st_ino, home.published.stat().st_ino
        publish_one_more(home)
        assert (home.published.stat().st_ino, home.standby.stat().st_ino) == (standby, published)
        assert is_copied(home)


@pytest.mark.process
def test_a_copy_that_a_program_reads_is_never_written_into(home: Home) -> None:
    code = """
import sys, duckdb
with duckdb.connect(sys.argv[1], read_only=True, config={"memory_limit": "100MB"}) as connection:
    print("open", flush=True)
    sys.stdin.readline()
    print(connection.execute("SELECT count(*), count(text) FROM source_reviews").fetchall())
"""
    command = [sys.executable, "-c", code, str(home.published)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        opened = home.published.stat().st_ino
        content = home.published.read_bytes()
        publish_one_more(home)
        read = os.open(home.standby, os.O_RDONLY)
        publish_one_more(home)
        assert os.pread(read, len(content) + 1, 0) == content
        os.close(read)
        assert opened not in (home.published.stat().st_ino, home.standby.stat().st_ino)
        assert reader.communicate("\n")[0] == "[(2, 2)]\n"
    assert count_published(home) == 4


@pytest.mark.slow
def test_a_copy_that_this_process_reads_is_never_written_into(home: Home) -> None:
    with open_published(home.published) as connection:
        opened = home.published.stat().st_ino
        for _ in range(2):
            publish_one_more(home)
        assert opened not in (home.published.stat().st_ino, home.standby.stat().st_ino)
        assert connection.execute("SELECT count(text) FROM source_reviews").fetchall() == [(2,)]
    assert count_published(home) == 4


def test_a_standby_with_a_second_name_is_never_written_into(home: Home, tmp_path: Path) -> None:
    os.link(home.standby, tmp_path / "kept")
    content = home.standby.read_bytes()
    publish_one_more(home)
    assert (tmp_path / "kept").read_bytes() == content
    assert count_published(home) == 3


def test_the_standby_of_another_user_is_replaced(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody but its owner may set the time of a file, though a group may write into it.
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    with home.standby.open("rb") as theirs:
        publish(home)
        assert os.fstat(theirs.fileno()).st_nlink == 0


def test_a_link_in_the_place_of_the_standby_is_not_followed(home: Home, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"of someone else")
    home.standby.unlink()
    home.standby.symlink_to(other)
    publish_one_more(home)
    assert other.read_bytes() == b"of someone else"
    assert count_published(home) == 3


def damage(path: Path) -> None:
    """Change some bytes in the middle of every block, as a program would that writes into the file."""
    with path.open("r+b") as file:
        for start in range(20_000, path.stat().st_size - 64, 2**18):
            file.seek(start)
            file.write(b"\xff" * 64)


@pytest.mark.parametrize(
    "spoil", [damage, lambda path: path.write_bytes(b""), lambda path: path.write_bytes(b"x" * 10**6)]
)
def test_a_standby_that_was_changed_is_written_anew(home: Home, spoil: Callable[[Path], None]) -> None:
    spoil(home.standby)
    publish_one_more(home)
    assert is_copied(home)


@pytest.mark.slow
def test_a_published_copy_that_was_changed_does_not_become_the_standby(home: Home) -> None:
    damage(home.published)
    publish_one_more(home)
    publish_one_more(home)
    assert is_copied(home)


def test_where_the_published_copy_was_moved_away_the_standby_is_not_trusted(home: Home) -> None:
    os.utime(home.standby, (1, 1))
    content = home.standby.read_bytes()
    home.standby.write_bytes(content[:20_000] + b"\xff" * 64 + content[20_064:])
    os.utime(home.standby, (1, 1))
    home.published.unlink()
    publish_one_more(home)
    assert is_copied(home)


@pytest.mark.slow
def test_every_copy_has_the_permissions_of_the_one_before(home: Home) -> None:
    home.published.chmod(0o640)
    for _ in range(2):
        publish_one_more(home)
        assert home.published.stat().st_mode & 0o777 == 0o640


@pytest.mark.slow
def test_without_hard_links_every_copy_is_a_new_one(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*paths: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    for _ in range(2):
        publish_one_more(home)
    assert not home.standby.exists()
    assert count_published(home) == 4


@pytest.mark.slow
def test_what_was_forgotten_is_in_no_copy(home: Home) -> None:
    part = write_part(home.folder.parent / "part", [PartFile("f.csv", [{"text": SECRET}])])
    commit_parts(home.warehouse, part)
    publish(home)
    publish_one_more(home)
    assert all(SECRET.encode() in path.read_bytes() for path in (home.published, home.standby))
    forget(home.warehouse, ForgetRequest(sha256(SECRET.encode()).hexdigest(), None, "ann"), "text")
    rewrite_warehouse(home.warehouse)
    publish(home)
    kept = [
        path for path in home.folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()
    ]
    assert kept == []
