"""What tests of destinations share: fault points, layouts, a history to deliver, and what is to be there then."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_contracts.storage.home import Home
from tasks.delivery.columns import Layout
from tasks.warehouse.publishing import publish
from tests.support.histories import History

OF_FOLDERS = ("deliver: a ledger begun", "deliver: a file in place", "deliver: a ledger written")
OF_TABLES = (
    "postgres: inside a transaction",
    "postgres: a transaction committed",
)
"""The fault points of deliveries. Tests of destinations, and `benchmarks.destinations`, end deliveries there."""

ALL, CURRENT = Layout("all"), Layout()
ROW = {"review_id": "r1", "movie_id": "tt1", "text": "good", "reviewed_at": None, "score": 0.9}


def make_history(folder: Path) -> History:
    """Make two files of three reviews, one of them in both."""
    history = History(folder)
    history.add([[ROW, {**ROW, "review_id": "r2"}]])
    history.add([[{**ROW, "score": 0.2}, {**ROW, "review_id": "r3"}]])
    return history


def change(history: History, step: tuple[str, Any]) -> None:
    """Make a change of a history, and publish it."""
    history.apply(step)
    publish(Home(history.folder))


def select_wanted(columns: str) -> Mapping[str, str]:
    """Return for each kind of rows the query for what a destination should have, in order."""
    ended = "(FROM scored_files WHERE superseded_at IS NOT NULL) AS ended"
    return {
        "all": f"SELECT {columns} FROM scored_reviews ANTI JOIN {ended} USING (source_sha256) ORDER BY ALL",
        "current": f"SELECT {columns} FROM latest_scores ORDER BY ALL",
    }
