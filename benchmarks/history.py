"""Makes a home with a long history: a trained champion, and a database with that many scored rows of older models.

    python -m benchmarks.history HOME ROWS

Runs `reviews demo` in the new folder HOME, then generates the history (`benchmarks/answers.py`) into its database: no
row of it is scored. Its shadow has scored a tenth of the files, so each report compares its newest scores; it has no
bundle, so it scores nothing more. Models that were promoted before have copies of the champion's bundle, so
`reviews verify` holds. Three million rows take some two minutes.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.answers import fill
from data_contracts.storage.home import Home
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.publishing import publish

OLDER_MODELS = 2
"""Models of the generated history, which were promoted before the champion."""
_FIND_CHAMPION = """
SELECT model_id, bundle_fingerprint FROM models JOIN promotions USING (model_id) ORDER BY number DESC LIMIT 1
"""
_LEND_FINGERPRINT = """
UPDATE models SET bundle_fingerprint = ?
WHERE bundle_fingerprint = 'bundle' AND model_id IN (SELECT model_id FROM promotions)
RETURNING model_id
"""


def main() -> None:
    """Make the home that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("rows", type=int, help="scored rows that the database has; 0 leaves only the demo's")
    arguments = parser.parse_args()
    home = Home(arguments.home.absolute())
    make_demo_home(home)
    add_history(home, arguments.rows)


def make_demo_home(home: Home) -> None:
    """Run the demo in a new folder, which trains a champion."""
    reviews = Path(sys.executable).with_name("reviews")
    subprocess.run([reviews, "--home", home.folder, "demo"], check=True, stdout=subprocess.DEVNULL)


def add_history(home: Home, rows: int) -> None:
    """Generate scored rows of older models into the database of the home, and publish it."""
    if rows:
        with open_warehouse(home.warehouse, write=True) as connection:
            connection.execute("UPDATE promotions SET number = number + ?", [OLDER_MODELS])
        fill(home.warehouse, rows)
        lend_bundles(home)
    publish(home)


def lend_bundles(home: Home) -> None:
    """Give each generated model that was promoted a copy of the champion's bundle, and its fingerprint."""
    with open_warehouse(home.warehouse, write=True) as connection:
        [(champion, fingerprint)] = connection.execute(_FIND_CHAMPION).fetchall()
        lent = connection.execute(_LEND_FINGERPRINT, [fingerprint]).fetchall()
    for (model_id,) in lent:
        shutil.copytree(home.bundles / champion, home.bundles / model_id)


if __name__ == "__main__":
    main()
