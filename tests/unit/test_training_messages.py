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


def test_what_labels_have_settled_is_said_by_source() -> None:
    assert describe_own(learn()) == [
        "shop: learnt from 60 labels, 40 positive; 12 held out; logit +0.50, "
        "+2.25 for a valence of 1, and weights of 7 n-grams; "
        "10% for no change"
    ]


def test_labels_on_neither_side_are_counted() -> None:
    [line] = describe_own(learn(left_out=3))
    assert "12 held out, 3 left out, as their titles are held out; logit" in line


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


def test_a_file_of_which_not_all_labels_count_is_named() -> None:
    [_, line] = describe_own(learn(files=[{**FILE, "most": 200, "is_turned": False}]))
    assert line.startswith("shop: of the 500 labels of a.csv 200 are learnt from")
    assert "labels_bounded" in line


@pytest.mark.parametrize(
    ("positive", "why"),
    [(1, ", as at least 2 labels of each kind are needed among those that are learnt from"), (30, "")],
)
def test_labels_that_settle_nothing_say_why(positive: int, why: str) -> None:
    [line] = describe_own(learn(positive=positive, bias=0, ngrams=0, valence=0))
    assert line.endswith(f"held out; nothing is changed{why}")


def test_sources_with_too_few_labels_are_named() -> None:
    assert describe_own(learn(), dresses=12, books=19, cups=12)[1:] == [
        "not learnt from, as they have fewer than 20 labels: books (19), cups (12), dresses (12)"
    ]


def test_labels_of_texts_that_the_archive_has_are_named() -> None:
    own = {"base": "", "sources": [], "too_few": {}, "of_archive": {"default": 505}}
    message = describe_training(make_summary(own))
    assert "own labels  no source has 20 labelled reviews of its own, so only the archive counts\n" in message
    assert "own labels  not learnt from, as the archive has these labelled texts: default (505)\n" in message


def test_of_many_sources_with_too_few_labels_ten_are_named() -> None:
    [line] = describe_own(**{f"shop{number}": number for number in range(1, 15)})
    assert line.startswith(
        "no source has 20 labelled reviews of its own, so only the archive counts: shop14 (14), shop13 (13), "
    )
    assert line.endswith("shop5 (5), and 4 others")


def test_control_characters_of_a_source_are_shown_as_such() -> None:
    check = GateCheck("source a\x1b", False, "worse on a\x1b")
    summary = make_summary(promoted=False, reason="worse on a\x1b", checks=(check,))
    assert describe_training(summary).count("a\\x1b") == 3


def test_a_new_champion_is_followed_by_how_to_score_again_with_it() -> None:
    assert describe_training(make_summary()).splitlines()[-1] == NEXT


@pytest.mark.parametrize("changes", [{"promoted": False}, {"checks": (pass_first_model(),)}])
def test_without_another_champion_before_nothing_is_to_be_scored_again(changes: dict[str, Any]) -> None:
    assert NEXT not in describe_training(make_summary(**changes))
