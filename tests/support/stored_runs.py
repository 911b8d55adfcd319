"""Runs `score-reviews` on a store: in processes of their own, which tests kill, and with workers and without."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from data_contracts.storage.home import Home
from flows.scoring_message import ScoringSummary
from tasks.scoring.plan import PlannedFile, ScoringPlan
from tests.support.inner_engine import InnerEngine, use_inner_engine
from tests.support.scoring_runs import CSV, plan, run
from tests.support.serverless import run_without_server

TABLES = {
    "rows": "select source_sha256, row_number, round(score, 6), text, given_label from latest_scores order by all",
    "ledger": "select uri, status, rule, rows_read, source, bytes from scored_files order by all",
    "checks": "select source_sha256, boundary, rule, success, unexpected_count from contract_results order by all",
    "quarantined": "select uri, row_number, rule, detail, raw from quarantined_rows order by all",
}
"""What is to be equal in both homes of a pair."""


@dataclass(frozen=True)
class Pair:
    """A home in which workers scored and a copy of it in which the run itself did, the same files."""

    home: Home
    alone: Home
    store: Path
    planned: ScoringPlan
    """What the run with workers was to do; the others are of that run too."""
    summary: ScoringSummary
    engine: InnerEngine
    parts: list[str]
    """What it has left in the store."""
    left: tuple[PlannedFile, ...]
    """What a run after it would score."""


def score_twice(home: Home, store: Path, **parameters: Any) -> Pair:
    """Run the flow in a home by workers, and in a copy beside it without any."""
    folder = home.folder.parent
    alone = Home(shutil.copytree(home.folder, folder / "alone"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REVIEWS_STORE", f"file://{store}")
        patch.setenv("REVIEWS_HOME", str(home.folder))
        with use_inner_engine(folder / "worker") as engine:
            planned, summary = plan(**parameters), run(**parameters)
            parts, left = list_parts(store), plan(**parameters).files
        patch.setenv("REVIEWS_HOME", str(alone.folder))
        run(**parameters)
    return Pair(home, alone, store, planned, summary, engine, parts, left)


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


def list_parts(store: Path) -> list[str]:
    """Return the files of parts in the store, by their paths in it."""
    return [name for name in list_files(store) if name.startswith("parts/")]


def list_files(folder: Path) -> list[str]:
    """Return the paths of all files in a folder, within it."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
