"""Tests of the verdict on a run: its sentence, its weight, and each reason."""

from dataclasses import replace
from typing import Any

import pytest

from tasks.report.scoring_facts import ScoringFacts
from tasks.report.verdict import BAD, CARE, GOOD, judge_scoring, judge_training
from tests.support.report_homes import make_bundle_facts
from tests.support.run_facts import DONE, TRAINED

CHECK = {"boundary": "scored_reviews", "rule": "score_range", "severity": "error", "checks": 3, "passed": 3}
DRIFT = {
    "model_id": "m",
    "measure": "score",
    "psi": 0.01,
    "threshold": 0.1,
    "drifted": False,
    "is_accepted": False,
}
SOUND = ScoringFacts(
    run=DONE,
    totals={
        "files": 2,
        "files_refused": 0,
        "files_rescored": 0,
        "rows_read": 200,
        "rows_read_again": 0,
        "rows_quarantined": 0,
        "rows_without_text": 0,
    },
    files=[],
    refused=[],
    models=[{"reviews": 200, "counted": 200}],
    sources=[{"source": "shop-a", "reviews": 200, "not_counted": 0}],
    deliveries=[],
    given={"labelled": 150, "share_agreeing": 0.81, "rated": 0, "rating_mae": None},
    scores=(),
    ratings={},
    lengths={},
    quarantined=[],
    checks=[{**CHECK, "is_broken": False}],
    drift=[DRIFT],
    source_drift=[{**DRIFT, "source": "shop-a"}],
    reviews={},
    moved=[],
    lineage=[{"model_id": "m", "dataset": "stanford", "test_accuracy": 0.8}],
    forced=[],
)


def test_a_run_against_which_nothing_speaks_can_be_trusted() -> None:
    verdict = judge_scoring(SOUND)
    assert verdict.weight == GOOD
    assert verdict.sentence == (
        "These scores can be trusted: no contract is broken, no file was refused, no row was quarantined, "
        "nothing drifted and the writers agree as in the test."
    )


def test_ratings_without_a_text_are_no_quarantined_rows_of_the_verdict() -> None:
    totals = {**SOUND.totals, "rows_read": 250, "rows_quarantined": 51, "rows_without_text": 50}
    verdict = judge_scoring(replace(SOUND, totals=totals))
    assert verdict.weight == GOOD
    [words] = [reason.words for reason in verdict.reasons if "uarantined" in reason.words]
    assert words.startswith(
        "Quarantined: 1 of 200 rows (0.5\u00a0%). Beside these, 50 rows came without a text"
    )


@pytest.mark.parametrize(
    ("changed", "weight", "brief"),
    [
        ({"run": replace(DONE, status="failed")}, BAD, "the run failed"),
        ({"run": replace(DONE, status="running", ended_at=None)}, BAD, "the run never ended"),
        ({"run": replace(DONE, status="stopped", ended_at=None)}, BAD, "the run never ended"),
        ({"checks": [{**CHECK, "passed": 2, "is_broken": True}]}, BAD, "a contract is broken"),
        ({"checks": [{**CHECK, "severity": "warning", "is_broken": True}]}, CARE, "a contract warned"),
        ({"totals": {**SOUND.totals, "files_refused": 1}}, CARE, "1 file refused"),
        (
            {"totals": {**SOUND.totals, "rows_quarantined": 3}},
            CARE,
            "1.5\u00a0% of the rows were quarantined",
        ),
        ({"forced": [{"model_id": "m", "rules": "cost"}]}, CARE, "the gate had refused the model"),
        ({"due": [{"reason": "accuracy", "words": "80% right"}]}, CARE, "a training is due"),
        (
            {"drift": [DRIFT, {**DRIFT, "measure": "token_count", "drifted": True}]},
            CARE,
            "the length in words drifted",
        ),
        (
            {"source_drift": [{**DRIFT, "source": "shop-a", "drifted": True}]},
            CARE,
            "the score of shop-a drifted",
        ),
        ({"given": {**SOUND.given, "share_agreeing": 0.7}}, CARE, "fewer writers agree than in the test"),
        (
            {"sources": [{**SOUND.sources[0], "not_counted": 50}]},
            CARE,
            "50 reviews not counted",
        ),
        (
            {"lineage": [{**SOUND.lineage[0], "dataset": "sample"}]},
            CARE,
            "the model learnt from generated reviews",
        ),
        (
            {"lineage": [{**SOUND.lineage[0], "dataset": "other"}]},
            CARE,
            "the model learnt from unverified reviews",
        ),
    ],
)
def test_what_speaks_against_a_run_is_the_verdict(changed: dict[str, Any], weight: str, brief: str) -> None:
    verdict = judge_scoring(replace(SOUND, **changed))
    assert (verdict.weight, verdict.reasons[0].weight) == (weight, weight)
    assert verdict.sentence.endswith(f": {brief}.")


def test_warnings_of_bad_rows_drift_languages_and_lateness_are_no_reason_of_their_own() -> None:
    for boundary in ("review_files", "drift", "language", "deliveries"):
        warned = {**CHECK, "boundary": boundary, "severity": "warning", "is_broken": True}
        assert judge_scoring(replace(SOUND, checks=[warned])).weight == GOOD


def test_drift_that_the_sources_accept_is_no_reason_for_care() -> None:
    accepted = {**DRIFT, "drifted": True, "is_accepted": True}
    verdict = judge_scoring(replace(SOUND, drift=[accepted], source_drift=[{**accepted, "source": "shop-a"}]))
    assert verdict.weight == GOOD


def test_a_few_given_labels_say_nothing() -> None:
    few = {**SOUND.given, "labelled": 10, "share_agreeing": 0.1}
    assert judge_scoring(replace(SOUND, given=few)).weight == GOOD


@pytest.mark.parametrize(
    ("changed", "weight", "sentence"),
    [
        ({}, GOOD, "This model scores: it beats the linear baseline and its scores are calibrated."),
        (
            {"bundle": make_bundle_facts(baseline={"test_accuracy": 0.95})},
            CARE,
            "This model scores. To know: a linear model is no worse.",
        ),
        (
            {"promotion": None, "is_champion": False, "decision": "no better than the champion"},
            GOOD,
            "This model was trained and does not score: it beats the linear baseline and its scores are calibrated.",
        ),
        (
            {"run": replace(DONE, status="failed"), "bundle": {}},
            BAD,
            "This training is not to be relied on: the run failed.",
        ),
    ],
)
def test_a_training_is_judged_by_gate_baseline_and_calibration(
    changed: dict[str, Any], weight: str, sentence: str
) -> None:
    verdict = judge_training(replace(TRAINED, **changed))
    assert (verdict.weight, verdict.sentence) == (weight, sentence)


BETTER = {"validation_log_loss": 0.35, "validation_accuracy": 0.86}
WORSE = {"validation_log_loss": 0.7, "validation_accuracy": 0.5}


def test_a_model_that_is_worse_than_the_champion_it_replaced_is_not_praised() -> None:
    verdict = judge_training(replace(TRAINED, model={**TRAINED.model, **WORSE}, replaced=BETTER))
    assert (verdict.weight, verdict.reasons[0].weight) == (CARE, CARE)
    assert verdict.sentence == "This model scores. To know: it is worse than the champion that it replaced."
    assert verdict.reasons[0].words == (
        "Worse than the champion that it replaced: validation log loss 0.7000 against 0.3500, accuracy "
        "50.0\u00a0% against 86.0\u00a0%. Promoted: the first model."
    )
    assert all("promoted" not in each.words.lower() for each in verdict.reasons[1:])


@pytest.mark.parametrize(
    ("model", "replaced", "parameters"),
    [
        (BETTER, WORSE, {"promote": "always"}),
        (WORSE, BETTER, {"promote": "auto"}),
        (WORSE, {**BETTER, "validation_log_loss": None}, {"promote": "always"}),
        (WORSE, None, {"promote": "always"}),
    ],
)
def test_a_better_model_or_one_that_the_gate_compared_itself_is_no_reason_for_care(
    model: dict[str, Any], replaced: dict[str, Any] | None, parameters: dict[str, Any]
) -> None:
    run = replace(TRAINED.run, parameters=parameters)
    assert judge_training(replace(TRAINED, run=run, model=model, replaced=replaced)).weight == GOOD


@pytest.mark.parametrize(("share", "weight"), [(0.94, GOOD), (0.85, GOOD), (0.75, CARE)])
def test_intervals_are_held_against_what_they_are_made_for(share: float, weight: str) -> None:
    metrics = make_bundle_facts()["metrics"]
    metrics = {**metrics, "rating": {**metrics["rating"], "interval_coverage": share}}
    verdict = judge_training(replace(TRAINED, bundle=make_bundle_facts(metrics=metrics)))
    assert verdict.weight == weight
    words = f"Intervals of movie ratings: aimed at 90\u00a0%, held {100 * share:.1f}\u00a0%."
    assert words in [each.words for each in verdict.reasons if each.weight == weight]


def test_the_reason_of_the_gate_is_among_the_reasons() -> None:
    told = judge_training(replace(TRAINED, promotion=None, decision="less accurate than the champion"))
    assert "This run did not promote it: less accurate than the champion." in [
        each.words for each in told.reasons
    ]


def test_a_run_is_not_distrusted_for_too_few_earlier_reviews_of_its_sources() -> None:
    assert judge_scoring(replace(SOUND, drift=[], source_drift=[])).weight == GOOD
