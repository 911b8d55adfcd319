"""Runs `score-reviews` on a store in processes of their own, which tests kill."""

import os
from pathlib import Path

from tests.support.scoring_runs import run
from tests.support.serverless import run_without_server


def score_stored(home: Path, store: str) -> None:
    """Score the inbox of a store."""
    os.environ.update(REVIEWS_HOME=str(home), REVIEWS_STORE=store, REVIEWS_REPORTS="false")
    with run_without_server():
        run()
