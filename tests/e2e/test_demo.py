"""Tests of the demo as a user sees it, and of commands in its home afterwards."""

import os
import re
import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from deployments.installation_paths import PROJECT_ROOT
from tests.e2e.conftest import Demo, ask, call_reviews, run_installed, run_reviews, start_reviews

pytestmark = [pytest.mark.process, pytest.mark.server, pytest.mark.training]

TABLES = ("source_reviews", "scored_reviews", "quarantined_rows")


def count_rows(home: Path) -> dict[str, int]:
    return ask(home, "select " + ", ".join(f"(select count(*) from {name}) as {name}" for name in TABLES))[0]


def test_the_demo_ends_well_and_shows_scored_reviews_and_movie_ratings(demo: Demo) -> None:
    assert demo.said.status == 0, demo.said.err
    assert "Scored 505 reviews of 7 files" in demo.said.out
    assert re.search(r"movie_id.*stars.*positive", demo.said.out)


def test_the_demo_says_that_its_reviews_are_generated(demo: Demo) -> None:
    assert "generated reviews, not on real ones" in demo.said.out
    assert "Trained cnn_lstm" in demo.said.out
    assert demo.said.out.count("generated sample (made-up reviews, not real ones)") == 2


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


def test_a_second_run_adds_no_row(demo: Demo, shared_server: Mapping[str, str]) -> None:
    before = count_rows(demo.home)
    again = run_reviews(demo.home, "score", server=shared_server)
    assert (again.status, count_rows(demo.home)) == (0, before)
    assert again.out.startswith("Nothing new")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["sql", "drop table models"], 1, "can only be read"),
        (["train", "--variant", "gru"], 2, "Choose one of: lstm"),
    ],
)
def test_a_wrong_call_ends_with_its_status_and_a_message_of_ours(
    demo: Demo, arguments: list[str], status: int, message: str
) -> None:
    found = run_reviews(demo.home, *arguments)
    assert found.status == status
    assert message in found.err
    assert "Traceback" not in found.err


def test_help_lists_every_command_with_examples(demo: Demo) -> None:
    listed = re.findall(
        r"^  ([a-z]+) ", call_reviews(demo.home, "--help").out.split("Commands:")[1], re.MULTILINE
    )
    assert {"ingest", "train", "score", "sql", "models", "demo"} <= set(listed)
    for command in ("ingest", "train", "score", "sql"):
        assert "Examples:" in call_reviews(demo.home, command, "--help").out


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
