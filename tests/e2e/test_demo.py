"""Tests of the demo as a user sees it, and of commands in its home afterwards."""

import os
import re
import shutil
import signal
import time
from pathlib import Path

import psutil
import pytest

from deployments.installation_paths import PROJECT_ROOT
from tests.e2e.conftest import Demo, ask, call_reviews, run_installed, run_reviews, start_reviews

pytestmark = [pytest.mark.process, pytest.mark.server, pytest.mark.training]


def test_the_demo_ends_well_and_shows_scored_reviews_and_movie_ratings(demo: Demo) -> None:
    assert demo.said.status == 0, demo.said.err
    assert "Scored 505 reviews of 7 files" in demo.said.out
    assert re.search(r"movie_id.*stars.*positive", demo.said.out)
    assert "generated reviews, not on real ones" in demo.said.out


def test_the_demos_model_learns_more_than_the_linear_baseline(demo: Demo) -> None:
    [model] = ask(demo.home, "select test_accuracy, baseline_test_accuracy, dataset from models")
    assert 0.70 <= float(model["test_accuracy"]) <= 0.95
    assert float(model["test_accuracy"]) > float(model["baseline_test_accuracy"])
    assert model["dataset"] == "sample"


def test_nothing_native_or_of_prefects_log_reaches_the_terminal(demo: Demo) -> None:
    assert not re.search(r"cuda|oneDNN|Traceback|prefect", demo.said.err + demo.said.out, re.IGNORECASE)


def test_what_looks_after_the_database_says_nothing_but_its_own_words(demo: Demo) -> None:
    proof = run_reviews(demo.home, "verify")
    assert (proof.status, proof.err) == (0, "")
    assert "All promises hold." in proof.out
    refused = run_installed(demo.home, "quarantine", "release", "--all")
    assert refused.err == "reviews: No row was released: each still breaks a rule.\n"


README_QUERIES = re.findall(
    r"```sql\n(.*?)\n```\n```\n(.*?)\n```", (PROJECT_ROOT / "README.md").read_text("utf-8"), re.DOTALL
)


@pytest.mark.parametrize(("query", "answer"), README_QUERIES)
def test_a_query_of_the_readme_gives_the_columns_and_rows_shown_there(
    demo: Demo, query: str, answer: str
) -> None:
    given = call_reviews(demo.home, "sql", query).out
    assert given.splitlines()[1].split() == answer.splitlines()[1].split()
    assert given.splitlines()[-1] == answer.splitlines()[-1]


def has_loaded_tensorflow(process: psutil.Process) -> bool:
    """Return whether the training has begun: no other stage loads TensorFlow."""
    return any("libtensorflow" in each.path for each in process.memory_maps())


def test_ctrl_c_in_a_terminal_ends_a_training_and_all_that_it_started(demo: Demo, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(demo.home, home)
    running = start_reviews(home, "train", "--variant", "lstm")
    started = psutil.Process(running.process.pid)
    deadline = time.monotonic() + 120
    while not has_loaded_tensorflow(started):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    children = started.children(recursive=True)
    assert children
    os.killpg(started.pid, signal.SIGINT)  # a terminal interrupts all of them
    finished = running.wait(60)
    assert finished.status == 130, finished.err
    assert not psutil.wait_procs(children, timeout=20)[1]
