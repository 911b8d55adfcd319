"""Gives homes the database of a Prefect server with its tables, which take a server four seconds to make."""

import os
import shutil
from pathlib import Path

from tests.support.command import Call, start_command
from tests.support.once import make_once

NAME = "prefect.db"


def copy_prefect_database(prefect_home: Path) -> None:
    """Copy an empty server's database into a PREFECT_HOME that has none; it is made once per session."""
    if not (prefect_home / NAME).exists():
        prefect_home.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(make_once("prefect", _make_database) / NAME, prefect_home / NAME)


def _make_database(folder: Path) -> None:
    environment = {**os.environ, "PREFECT_HOME": str(folder)}
    upgrade = Call(("server", "database", "upgrade", "--yes"), environment, folder, "prefect")
    done = start_command(upgrade).wait()
    assert done.status == 0, done.out + done.err
