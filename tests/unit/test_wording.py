"""Tests that a printed name is one word of a shell and acts on no terminal, and that a number has its noun."""

import os
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.command.console.output import echo_error
from flows.command.flow_summaries import describe_training
from flows.train_model import TrainingSummary
from models.evaluation.gate import GateCheck
from tasks.support.wording import escape_controls, quote_word
from tests.support.small_models import describe_untrained

SHELL = ["bash", "--norc", "--noprofile"]


def read_by_shell(word: str) -> str:
    done = subprocess.run(
        [*SHELL, "-c", f"printf %s {word}"], capture_output=True, check=True, env={"LC_ALL": "C"}
    )
    return os.fsdecode(done.stdout)


@pytest.mark.process
@pytest.mark.parametrize(
    "name",
    [
        "plain.csv",
        'it\'s \\ $(id) `id` "x".csv',
        "a\nreviews forget tt1\n.csv",
        "red\x1b[31m\r\t\x07'\\7.csv",
        "turned\u202ecsv.exe",
        "\u0085\u2028\xa0z",
        "no \udcff utf-8",
        "",
    ],
)
def test_a_shell_reads_a_quoted_name_as_it_is_and_a_terminal_does_not_act_on_it(name: str) -> None:
    word = quote_word(name)
    assert word.isprintable()
    assert read_by_shell(word) == name


@pytest.mark.process
@settings(max_examples=20, deadline=None)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30))
def test_any_name_is_read_as_it_is(name: str) -> None:
    assert read_by_shell(quote_word(name)) == name
    assert escape_controls(quote_word(name)) == quote_word(name)


def test_a_name_in_an_error_sends_no_codes_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    echo_error("red\x1b[31m\r.csv: is no file.\nNext: name another.")
    assert capsys.readouterr().err == "reviews: red\\x1b[31m\\r.csv: is no file.\nNext: name another.\n"


def test_a_source_in_the_summary_of_a_training_sends_no_codes_to_the_terminal() -> None:
    facts = describe_untrained("lstm-s0-0", "lstm", 0)
    facts |= {"baseline": {"test_accuracy": 0.5, "name": "linear"}, "own": None}
    facts["metrics"]["rating"] = {"mae": 1.0, "spearman": 0.5, "titles": 0}
    check = GateCheck("source a\x1b", False, "worse on a\x1b")
    summary = TrainingSummary("lstm-s0-0", facts, False, "worse on a\x1b", (check,), ())
    assert describe_training(summary).count("a\\x1b") == 3
