"""Gives homes the database of a Prefect server that was started once: its first start takes five seconds more."""

import os
import shutil
from pathlib import Path

from deployments.local_server.server_process import EPHEMERAL, run_server
from tests.support.once import make_once

NAMES = ("prefect.db", "memo_store.toml")
"""The database, and the file by which the server knows that the database has the types of its blocks."""


def copy_prefect_database(prefect_home: Path) -> None:
    """Copy a server's database without runs into a PREFECT_HOME that has none; it is made once per session."""
    if not (prefect_home / NAMES[0]).exists():
        prefect_home.mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            shutil.copyfile(make_once("prefect", _make_database) / name, prefect_home / name)


def _make_database(folder: Path) -> None:
    """Start a server in a folder that is empty, as that of a new home is, and stop it."""
    with run_server({**os.environ, **EPHEMERAL, "PREFECT_HOME": str(folder)}):
        pass
