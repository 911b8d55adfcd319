"""Tests of what `reviews train` says of own labels, and of what to do next."""

from typing import Any

import pytest

from flows.command.flow_summaries import describe_training
from flows.train_model import TrainingSummary
from models.evaluation.gate import GateCheck, pass_first_model
from tasks.training.champion_choice import NEXT
from tests.support.small_models import describe_untrained

RATING = {"mae": 1.0, "spearman": 0.5, "titles": 0}
BETTER = GateCheck("log_loss", True, "it is better")


def make_summary(own: dict[str, Any] | None = None, **changes: Any) -> TrainingSummary:
    """Return the summary of a training that learnt this of sources."""
    facts = describe_untrained("lstm-s0-0", "lstm", 0)
    facts["baseline"] = {"test_accuracy": 0.5, "name": "linear"}
    facts["metrics"]["rating"] = RATING
    facts["own"] = own
    given = {"promoted": True, "reason": "it is better", "checks": (BETTER,), "warnings": ()}
    return TrainingSummary("lstm-s0-0", facts, **{**given, **changes})


def describe_own(*sources: dict[str, Any], **few: int) -> list[str]:
    """Return the lines on own labels."""
    message = describe_training(make_summary({"base": "", "sources": sources, "too_few": few}))
    return [line.split("own labels  ")[1] for line in message.splitlines() if "own labels  " in line]


def learn(**changes: Any) -> dict[str, Any]:
    """Return what was learnt of a source."""
    source = {"source": "shop", "labels": 60, "positive": 40, "held_out": 12, "left_out": 0, "others": 0}
    return {**source, "bias": 0.5, "ngrams": 7, "valence": 2.25, "share_of_no_change": 0.1, **changes}


FILE = {
    "uri": "a.csv",
    "source": "shop",
    "source_sha256": "ab" * 32,
    "labels": 500,
    "contrary": 480,
    "most": 0,
}


def test_a_file_whose_labels_turn_what_earlier_ones_said_is_named_with_what_to_do() -> None:
    [_, line] = describe_own(learn(files=[{**FILE, "is_turned": True}]))
    assert line.startswith("shop: none of the 500 labels of a.csv is learnt from")
    assert "labels_turned" in line
    assert "`reviews sources rescan shop`" in line
    assert "`reviews forget abababababab --as file`" in line


def test_control_characters_of_a_source_are_shown_as_such() -> None:
    check = GateCheck("source a\x1b", False, "worse on a\x1b")
    summary = make_summary(promoted=False, reason="worse on a\x1b", checks=(check,))
    assert describe_training(summary).count("a\\x1b") == 3


def test_a_new_champion_is_followed_by_how_to_score_again_with_it() -> None:
    assert describe_training(make_summary()).splitlines()[-1] == NEXT


@pytest.mark.parametrize("changes", [{"promoted": False}, {"checks": (pass_first_model(),)}])
def test_without_another_champion_before_nothing_is_to_be_scored_again(changes: dict[str, Any]) -> None:
    assert NEXT not in describe_training(make_summary(**changes))
