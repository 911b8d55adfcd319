"""Judges whether a run can be trusted: a verdict in one sentence, and its reasons, each with a weight."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from data_contracts.drift import BOUNDARY as DRIFT
from data_contracts.review_files import BOUNDARY as REVIEW_FILES
from data_contracts.rules_and_limits import COUNT_THEM
from data_contracts.sources.delivery import BOUNDARY as DELIVERIES
from data_contracts.sources.language import BOUNDARY as LANGUAGE
from data_contracts.sources.language import UNNOTICED_SHARE
from models.evaluation.stars import INTERVAL_SHARE
from tasks.pages.formatting import format_share
from tasks.report.names_and_commands import name_measure
from tasks.report.run_choice import LoggedRun, Row
from tasks.report.scoring_facts import ScoringFacts
from tasks.report.training_facts import TrainingFacts
from tasks.support.wording import count

GOOD, CARE, BAD = WEIGHTS = ("good", "care", "bad")
"""The weights of a reason, in increasing order."""
MUCH_QUARANTINED = 0.01
"""Share of a run's rows in quarantine above which the verdict asks for care."""
ENOUGH_GIVEN = 100
"""Fewest labels given by the sources for the share of agreement to be judged."""
MUCH_WORSE = 0.03
"""How far that share may be below the model's test accuracy."""
BADLY_CALIBRATED = 0.05
"""Expected calibration error above which the verdict asks for care."""
ENOUGH_INSIDE = 0.85
"""Share of test titles inside their interval below which the verdict asks for care."""
_JUDGED_BY_FIGURES = (REVIEW_FILES, DRIFT, LANGUAGE, DELIVERIES)
"""The boundaries whose warnings are judged by what they warn of: quarantined rows, drift, other languages. Late sources
say nothing against these scores."""
_CHECK = "{boundary}: {rule}"


@dataclass(frozen=True)
class Reason:
    """A reason to trust a run, or not to."""

    weight: str
    """One of `WEIGHTS`."""
    brief: str
    """A clause for the verdict's sentence; '' if the sentence says it already."""
    words: str
    """The reason with its figures, as a sentence."""


@dataclass(frozen=True)
class Verdict:
    """The verdict on a run; its weight is that of its heaviest reason."""

    weight: str
    sentence: str
    reasons: tuple[Reason, ...]
    """The heaviest first."""


def judge_scoring(facts: ScoringFacts) -> Verdict:
    """Judge a scoring run by its end, contracts, files, quarantined rows, drift, given labels and models."""
    reasons = [
        *_judge_end(facts.run),
        *_judge_checks(facts.checks),
        _judge_refused(facts.totals),
        _judge_quarantined(facts.totals),
        *_judge_drift(facts),
        *_judge_language(facts),
        *_judge_given(facts),
        *_judge_promise(facts),
        *_judge_promotion(facts),
        *_judge_data(facts.lineage),
    ]
    leads = {
        GOOD: "These scores can be trusted",
        CARE: "Use these scores with care",
        BAD: "Do not use these scores before you have looked into it",
    }
    return _conclude_verdict(leads, reasons)


def judge_training(facts: TrainingFacts) -> Verdict:
    """Judge a training run by its end, contracts, gate, linear baseline, calibration, intervals and data."""
    reasons = [*_judge_end(facts.run), *_judge_checks(facts.checks)]
    if facts.bundle:
        reasons += [
            _judge_gate(facts),
            *_judge_baseline(facts),
            *_judge_calibration(facts),
            *_judge_intervals(facts),
            *_judge_data([facts.bundle.get("provenance", {})]),
        ]
    scores = "This model scores" if facts.is_champion else "This model was trained and does not score"
    leads = {GOOD: scores, CARE: f"{scores}. To know", BAD: "This training is not to be relied on"}
    return _conclude_verdict(leads, reasons)


def _conclude_verdict(leads: Mapping[str, str], reasons: Iterable[Reason]) -> Verdict:
    """Return the verdict that follows from the reasons."""
    ordered = sorted(reasons, key=lambda reason: -WEIGHTS.index(reason.weight))
    weight = ordered[0].weight if ordered else GOOD
    briefs = [reason.brief for reason in ordered if reason.weight == weight and reason.brief]
    return Verdict(
        weight, f"{leads[weight]}: {_join_words(briefs)}." if briefs else f"{leads[weight]}.", tuple(ordered)
    )


def _join_words(words: Sequence[str]) -> str:
    """Return words as a list in a sentence: `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _judge_end(run: LoggedRun) -> list[Reason]:
    """Return the reasons of the verdict from how the run ended."""
    if run.status == "completed":
        return []
    if run.status == "failed":
        return [Reason(BAD, "the run failed", "The run failed. What it had committed by then is shown here.")]
    how = "was killed" if run.status == "stopped" else "was killed, or goes on"
    return [Reason(BAD, "the run never ended", f"The run {how}. What is published of it is shown.")]


def _judge_checks(checks: Sequence[Row]) -> list[Reason]:
    """Return the reasons of the verdict from the checks of the contracts."""
    broken = [row for row in checks if row["is_broken"]]
    failed = [row for row in broken if row["severity"] == "error"]
    # What the others warn of is judged by its figures, in functions of its own.
    warned = [row for row in broken if row not in failed and row["boundary"] not in _JUDGED_BY_FIGURES]
    reasons = [
        Reason(weight, brief, f"{did} ({', '.join(map(_CHECK.format_map, rows))}).")
        for weight, brief, did, rows in (
            (BAD, "a contract is broken", "Contracts are broken", failed),
            (CARE, "a contract warned", "Contracts warned", warned),
        )
        if rows
    ]
    total, held = (sum(row[name] for row in checks) for name in ("checks", "passed"))
    if total and not reasons:
        held_of = f"{held:,} of {count(total, 'contract check')} held"
        reasons.append(Reason(GOOD, "no contract is broken", f"{held_of}; no contract is broken."))
    return reasons


def _judge_refused(totals: Row) -> Reason:
    """Return the reason of the verdict from the refused files."""
    refused = totals["files_refused"]
    if not refused:
        return Reason(GOOD, "no file was refused", "No file was refused.")
    files = count(totals["files"] - totals["files_rescored"], "file")
    words = f"Refused: {refused:,} of {files}, of which nothing is scored."
    return Reason(CARE, f"{count(refused, 'file')} refused", words)


def _judge_quarantined(totals: Row) -> Reason:
    """Return the reason of the verdict from the quarantined rows that have a text."""
    lacking = totals["rows_without_text"]
    bad, read = totals["rows_quarantined"] - lacking, totals["rows_read"] - lacking
    share = bad / max(read, 1)
    words = f"Quarantined: {bad:,} of {count(read, 'row')} ({format_share(share)})."
    if lacking:
        words += (
            f" Beside these, {count(lacking, 'row')} came without a text: there is nothing to score in them."
        )
    if share > MUCH_QUARANTINED:
        return Reason(CARE, f"{format_share(share)} of the rows were quarantined", words)
    return Reason(GOOD, "hardly a row was quarantined" if bad else "no row was quarantined", words)


def _judge_drift(facts: ScoringFacts) -> list[Reason]:
    """Return the reasons of the verdict from drift that the profiles of the sources do not accept."""
    drifted: dict[str | None, list[Row]] = {}
    for row in (*facts.drift, *facts.source_drift):
        if row["drifted"] and not row["is_accepted"]:
            drifted.setdefault(row.get("source"), []).append(row)
    if not drifted:
        words = "Scores and texts are like what came before, or their sources accept how they differ."
        return [Reason(GOOD, "nothing drifted", words)] if facts.drift or facts.source_drift else []
    return [_describe_drift(source, rows) for source, rows in drifted.items()]


def _describe_drift(source: str | None, rows: Sequence[Row]) -> Reason:
    """Return the reason of the verdict from measures that drifted, of a source or of all reviews."""
    measures = {name_measure(row["measure"]): row for row in rows}
    of, before = (f" of {source}", f"what {source} sent before") if source else ("", "the held-out reviews")
    figures = (
        f"{name}, PSI {row['psi']:.3f}, threshold {row['threshold']:.3f}" for name, row in measures.items()
    )
    return Reason(
        CARE, f"the {_join_words(list(measures))}{of} drifted", f"Unlike {before}: {'; '.join(figures)}."
    )


def _judge_language(facts: ScoringFacts) -> list[Reason]:
    """Return the reason of the verdict from the reviews that do not count since they are not in English, if any."""
    total = sum(row["not_counted"] for row in facts.sources)
    if not total:
        return []
    words = (
        f"Not in English, so in no share or rating: {total:,} of {count(facts.reviews_scored, 'review')}. If they "
        f"should count: {COUNT_THEM}."
    )
    if total <= UNNOTICED_SHARE * facts.reviews_scored:
        return [Reason(GOOD, "", words)]
    return [Reason(CARE, f"{count(total, 'review')} not counted", words)]


def _judge_given(facts: ScoringFacts) -> list[Reason]:
    """Compare the scores with the labels given by the sources, if there are enough of them."""
    labelled, agreeing = facts.given["labelled"], facts.given["share_agreeing"]
    known = [row["test_accuracy"] for row in facts.lineage if row["test_accuracy"] is not None]
    if labelled < ENOUGH_GIVEN or not known:
        return []
    words = (
        f"Of {labelled:,} reviews with a label or rating of their writer, {format_share(agreeing)} are called right; "
        f"in the test it was {format_share(known[0])}."
    )
    if agreeing < known[0] - MUCH_WORSE:
        return [Reason(CARE, "fewer writers agree than in the test", words)]
    return [Reason(GOOD, "the writers agree as in the test", words)]


def _judge_promise(facts: ScoringFacts) -> list[Reason]:
    """Return the reasons of the verdict from why a training is due; new labels say nothing against the scores."""
    marks = {"labels": (GOOD, "")}
    return [
        Reason(*marks.get(row["reason"], (CARE, "a training is due")), f"A training is due: {row['words']}.")
        for row in facts.due
    ]


def _judge_promotion(facts: ScoringFacts) -> list[Reason]:
    """Report the models that were promoted although the gate refused them."""
    if not facts.forced:
        return []
    models = "; ".join(f"{row['model_id']} ({row['rules']})" for row in facts.forced)
    return [
        Reason(
            CARE, "the gate had refused the model", f"Promoted although it broke rules of the gate: {models}."
        )
    ]


def _judge_data(models: Sequence[Row]) -> list[Reason]:
    """Return the reasons of the verdict from a training's data."""
    datasets = {row.get("dataset") for row in models}
    reasons = []
    if "sample" in datasets:
        words = "The model learnt from generated reviews, not from real ones, so it is only good for a demo."
        reasons.append(Reason(CARE, "the model learnt from generated reviews", words))
    if "other" in datasets:
        words = "The model learnt from an archive of unknown content, accepted unverified."
        reasons.append(Reason(CARE, "the model learnt from unverified reviews", words))
    return reasons


def _judge_gate(facts: TrainingFacts) -> Reason:
    """Return the reason of the verdict from the promotion: whether the model is worse than the one that it replaced."""
    if not facts.promoted:
        words = f"This run did not promote it: {facts.decision or 'the reason was not kept'}."
        return Reason(GOOD, "", words)
    loss = _describe_loss(facts)
    if not loss:
        return Reason(GOOD, "", f"It was promoted: {facts.decision}.")
    brief = "it is worse than the champion that it replaced"
    return Reason(
        CARE, brief, f"Worse than the champion that it replaced: {loss}. Promoted: {facts.decision}."
    )


def _describe_loss(facts: TrainingFacts) -> str:
    """Describe how a model promoted on request is worse than the champion that it replaced; '' if it is not worse."""
    # In the mode 'auto' the gate promotes only a better model, after evaluating the champion on the present data again.
    if not facts.replaced or facts.run.parameters.get("promote") == "auto":
        return ""
    old, new = facts.replaced, facts.model
    loss, accuracy = new.get("validation_log_loss"), new.get("validation_accuracy")
    loss_before, accuracy_before = old.get("validation_log_loss"), old.get("validation_accuracy")
    if loss is None or accuracy is None or loss_before is None or accuracy_before is None:
        return ""
    if loss <= loss_before and accuracy >= accuracy_before:
        return ""
    return (
        f"validation log loss {loss:.4f} against {loss_before:.4f}, accuracy {format_share(accuracy)} against "
        f"{format_share(accuracy_before)}"
    )


def _judge_baseline(facts: TrainingFacts) -> list[Reason]:
    """Return the reasons of the verdict from the linear baseline."""
    accuracy, baseline = facts.test.get("accuracy"), facts.baseline.get("test_accuracy")
    if accuracy is None or baseline is None:
        return []
    words = (
        f"Accuracy {format_share(accuracy)} on the test reviews; counting words and pairs gives "
        f"{format_share(baseline)}."
    )
    if accuracy <= baseline:
        return [Reason(CARE, "a linear model is no worse", words)]
    return [Reason(GOOD, "it beats the linear baseline", words)]


def _judge_calibration(facts: TrainingFacts) -> list[Reason]:
    """Return the reasons of the verdict from the calibration."""
    error = facts.test.get("calibration_error")
    if error is None:
        return []
    words = f"Scores differ from the share of positive reviews by {100 * error:.1f} points on average."
    if error > BADLY_CALIBRATED:
        return [Reason(CARE, "its scores are badly calibrated", words)]
    return [Reason(GOOD, "its scores are calibrated", words)]


def _judge_intervals(facts: TrainingFacts) -> list[Reason]:
    """Compare the share of test titles inside their interval with the share that intervals aim at."""
    inside = (facts.metrics.get("rating") or {}).get("interval_coverage")
    if inside is None:
        return []
    words = f"Intervals of movie ratings: aimed at {100 * INTERVAL_SHARE:.0f}\u00a0%, held {format_share(inside)}."
    if inside < ENOUGH_INSIDE:
        return [Reason(CARE, "its intervals are too narrow", words)]
    return [Reason(GOOD, "", words)]
