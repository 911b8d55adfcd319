"""Tests of the profiles, destinations and titles that the machines of a shared home have in common."""

import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pytest

from data_contracts.errors import SourceError, StoreError
from data_contracts.storage.home import Home
from tasks.sharing.shared_files import SHARED_FILES, merge, share_files
from tasks.store.connecting import Store
from tasks.store.object_operations import delete, put
from tests.support.shared_homes import make_two_homes

NAME = "sources/shop.toml"


@pytest.fixture
def homes(tmp_path: Path) -> tuple[Home, Home]:
    return make_two_homes(tmp_path)


def share(homes: Sequence[Home], store: Store) -> None:
    """Let each machine take a turn, in order."""
    for home in homes:
        share_files(home, store, print)


def texts(home: Home) -> dict[str, str]:
    """Return the files of a home, but for the program's own."""
    paths = [
        path for path in home.folder.rglob("*") if path.is_file() and path.parent != home.published.parent
    ]
    return {path.relative_to(home.folder).as_posix(): path.read_text("utf-8") for path in paths}


def test_each_kind_of_file_comes_to_the_other_machine(homes: tuple[Home, Home], store: Store) -> None:
    one, two = homes
    (one.sources / "shop.toml").write_text("# reads 'Größe'\n", "utf-8")
    one.destinations.mkdir()
    (one.destinations / "lake.toml").write_text("# a folder\n", "utf-8")
    one.titles.write_text("movie_id,title\n", "utf-8")
    (one.destinations / "lake.json").write_text("{}", "utf-8")
    share(homes, store)
    assert texts(two) == {name: text for name, text in texts(one).items() if not name.endswith(".json")}


def test_a_change_on_either_machine_comes_to_the_other_one(homes: tuple[Home, Home], store: Store) -> None:
    one, two = homes
    for home, text in ((one, "first"), (two, "second"), (one, "third")):
        (home.folder / NAME).write_text(text, "utf-8")
        share((home, *homes), store)
        assert texts(one) == texts(two) == {NAME: text}


def test_a_deleted_file_is_deleted_on_the_other_machine(homes: tuple[Home, Home], store: Store) -> None:
    one, two = homes
    (one.folder / NAME).write_text("text", "utf-8")
    share(homes, store)
    (two.folder / NAME).unlink()
    share((two, one), store)
    assert texts(one) == texts(two) == {}


def test_a_file_that_both_changed_is_named_and_nothing_is_overwritten(
    homes: tuple[Home, Home], store: Store
) -> None:
    one, two = homes
    (one.folder / NAME).write_text("of one", "utf-8")
    (two.folder / NAME).write_text("of two", "utf-8")
    share_files(one, store, print)
    with pytest.raises(SourceError, match=r"shop.toml: was changed here, and by another machine"):
        share_files(two, store, print)
    assert (texts(one), texts(two)) == ({NAME: "of one"}, {NAME: "of two"})


@pytest.mark.parametrize("before", [None, "before"])
def test_after_the_advice_of_that_message_the_other_file_comes(
    homes: tuple[Home, Home], store: Store, before: str | None
) -> None:
    one, two = homes
    if before:
        (one.folder / NAME).write_text(before, "utf-8")
        share(homes, store)
    (one.folder / NAME).write_text("of one", "utf-8")
    share_files(one, store, print)
    (two.folder / NAME).write_text("of two", "utf-8")
    with pytest.raises(SourceError):
        share_files(two, store, print)
    (two.folder / NAME).rename(two.folder / "aside.toml")
    share_files(two, store, print)
    assert (two.folder / NAME).read_text("utf-8") == "of one"


@pytest.mark.parametrize(("mine", "theirs", "old"), list(product([None, "a", "b"], repeat=3)))
def test_what_one_side_alone_has_changed_is_never_lost(
    mine: str | None, theirs: str | None, old: str | None, tmp_path: Path
) -> None:
    def have(text: str | None) -> dict[str, str]:
        return {} if text is None else {NAME: text}

    if mine not in (None, old, theirs) and theirs not in (None, old):
        with pytest.raises(SourceError):
            merge(Home(tmp_path), have(mine), have(theirs), have(old))
        return
    merged = merge(Home(tmp_path), have(mine), have(theirs), have(old))
    changed = [text for text in (mine, theirs) if text not in (None, old)]
    assert merged == have(changed[0] if changed else None if None in (mine, theirs) else old)


@pytest.mark.parametrize(
    "name",
    [
        "../evil.toml",
        "sources/../../evil.toml",
        "/etc/evil.toml",
        "sources/.hidden.toml",
        "sources/a/b.toml",
        "sources/a\0.toml",
        "sources/evil.py",
        "reviews.duckdb",
        "prefect/home-id",
        "",
    ],
)
def test_a_store_can_t_write_any_other_file_of_a_home(
    homes: tuple[Home, Home], store: Store, name: str
) -> None:
    put(store, SHARED_FILES, json.dumps({"series": "a", "files": {name: "text"}}).encode())
    with pytest.raises(StoreError, match=r"shared/files.json: is damaged"):
        share_files(homes[0], store, print)
    assert texts(homes[0]) == {}


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b'"text"', b"null"])
def test_a_damaged_object_of_files_is_named(homes: tuple[Home, Home], store: Store, content: bytes) -> None:
    put(store, SHARED_FILES, content)
    with pytest.raises(StoreError, match=r"shared/files.json: is damaged"):
        share_files(homes[0], store, print)


def test_a_profile_that_is_not_utf_8_is_named_and_stays_and_the_others_are_shared(
    homes: tuple[Home, Home], store: Store
) -> None:
    one, two = homes
    (one.folder / NAME).write_text("before", "utf-8")
    share(homes, store)
    (one.folder / NAME).write_bytes("Größe".encode("cp1252"))
    one.titles.write_text("movie_id,title\n", "utf-8")
    told: list[str] = []
    share_files(one, store, told.append)
    share_files(two, store, print)
    assert told == [
        f"{one.folder / NAME}: is not UTF-8, so no other machine gets it. Next: save it in UTF-8."
    ]
    assert texts(two) == {NAME: "before", "titles.csv": "movie_id,title\n"}
    assert (one.folder / NAME).read_bytes() == "Größe".encode("cp1252")


def test_if_the_object_is_gone_no_file_is_lost_whichever_machine_goes_first(
    homes: tuple[Home, Home], store: Store
) -> None:
    one, two = homes
    share(homes, store)
    (two.folder / NAME).write_text("new", "utf-8")
    share_files(two, store, print)
    delete(store, [SHARED_FILES])
    share((one, two, one), store)
    assert texts(one) == texts(two) == {NAME: "new"}


def test_a_file_that_was_not_utf_8_does_not_undo_what_another_machine_made_of_it_meanwhile(
    homes: tuple[Home, Home], store: Store
) -> None:
    one, two = homes
    (one.folder / NAME).write_text("before", "utf-8")
    share(homes, store)
    (one.folder / NAME).write_bytes("Größe".encode("cp1252"))
    (two.folder / NAME).write_text("of two", "utf-8")
    share((two, one), store)
    (one.folder / NAME).write_text("Größe", "utf-8")
    with pytest.raises(SourceError, match="was changed here, and by another machine"):
        share_files(one, store, print)
    assert texts(two) == {NAME: "of two"}
