"""The folders of one home on two machines, for tests of what machines share."""

import json
import shutil
from functools import partial
from pathlib import Path

from data_contracts.storage.home import Home
from tasks.sharing.newer_database import follow, join
from tasks.store.published_upload import upload_copy
from tests.support.exported_homes import add, change, make_home
from tests.support.once import make_once

MODEL = """
INSERT INTO models BY NAME SELECT
    'model-a' AS model_id, 'lstm' AS variant, 0 AS seed, 'other' AS dataset, '' AS data_fingerprint,
    '' AS code_fingerprint, 'f00' AS bundle_fingerprint, 0.9 AS validation_accuracy, 0.9 AS test_accuracy,
    now() AS trained_at;
INSERT INTO promotions VALUES (1, 'promote', 'model-a', '', NULL, now(), NULL, NULL);
"""


def make_two_homes(folder: Path) -> tuple[Home, Home]:
    """Return two homes that only just began."""
    pair = Home(folder / "one"), Home(folder / "two")
    for home in pair:
        home.sources.mkdir(parents=True)
        home.published.parent.mkdir()
    return pair


def name_store(folder: Path) -> str:
    """Return the URI of the store of the homes in a folder."""
    return f"file://{folder}/store"


def take_turn(home: Home, uri: str) -> bool:
    """Do what a turn does with the database; return whether it was that of another machine."""
    join(home, uri)
    has_followed = follow(home, uri)
    upload_copy(home, uri)
    return has_followed


def copy_machine(name: str, folder: Path, *, ahead: bool = False) -> Home:
    """Return the home on the machine 'first' or 'second' of two, with a model and two rows that are in the store too.

    If it is `ahead`, it has a third row, of b.csv, and has uploaded it. All is copied from homes that are made once.
    """
    made = make_once(f"{name}-ahead", partial(_go_ahead, name)) if ahead else _find_machines()
    for each in (name, "store"):
        shutil.rmtree(folder / each, ignore_errors=True)
        shutil.copytree(made / each, folder / each)
    home = Home(folder / name)
    home.stores_with_rows.write_text(json.dumps([name_store(folder)]), "utf-8")
    return home


def _find_machines() -> Path:
    return make_once("two-machines", _make_machines)


def _make_machines(folder: Path) -> None:
    (folder / "store").mkdir()
    change(make_home(folder / "first"), MODEL)
    for name in ("first", "second"):
        take_turn(Home(folder / name), name_store(folder))


def _go_ahead(name: str, folder: Path) -> None:
    shutil.copytree(_find_machines(), folder, dirs_exist_ok=True)
    add(Home(folder / name), "b.csv")
    take_turn(Home(folder / name), name_store(folder))
