"""Runs `score-reviews` on a store: in processes of their own, which tests kill, and with workers and without."""

import os
from pathlib import Path

from tests.support.scoring_runs import CSV, run
from tests.support.serverless import run_without_server


def score_stored(home: Path, store: str) -> None:
    """Score the inbox of a store."""
    os.environ.update(REVIEWS_HOME=str(home), REVIEWS_STORE=store, REVIEWS_REPORTS="false")
    with run_without_server():
        run()


def send(store: Path, name: str, content: str = CSV) -> str:
    """Put an object into the inbox of the store, and return its URI."""
    path = store / "inbox" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    return f"file://{path}"
