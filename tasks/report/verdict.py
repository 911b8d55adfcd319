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
from tasks.report.names_and_commands import MEASURES, name_measure
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
_MEASURES_PLURAL = {**MEASURES, "score": "scores", "token_count": "lengths"}
"""The same, in the plural, for 'the ... drifted'."""


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
    total, held = (sum(row[name] for row in checks) for name in ("checks", "passed"))
    failed = [row for row in checks if row["is_broken"] and row["severity"] == "error"]
    # What these warn of is judged by its figures, in functions of its own.
    warned = [
        row
        for row in checks
        if row["is_broken"] and row["severity"] != "error" and row["boundary"] not in _JUDGED_BY_FIGURES
    ]
    reasons = []
    if failed:
        names = ", ".join(f"{row['boundary']}: {row['rule']}" for row in failed)
        reasons.append(Reason(BAD, "a contract is broken", f"Contracts are broken ({names})."))
    if warned:
        names = ", ".join(f"{row['boundary']}: {row['rule']}" for row in warned)
        reasons.append(Reason(CARE, "a contract warned", f"Contracts warned ({names})."))
    if total and not failed and not warned:
        others = (
            "; the others warned of drift, quarantined rows, other languages or late sources, which are listed here"
            if held < total
            else ""
        )
        reasons.append(
            Reason(
                GOOD, "no contract is broken", f"{held:,} of {count(total, 'contract check')} held{others}."
            )
        )
    return reasons


def _judge_refused(totals: Row) -> Reason:
    """Return the reason of the verdict from the refused files."""
    refused, again = totals["files_refused"], totals["files_rescored"]
    files = totals["files"] - again
    if not refused:
        parts = [f"{count(files, 'file')} came in"] if files or not again else ["nothing came in"]
        parts += [f"{count(again, 'file')} {'was' if again == 1 else 'were'} scored again"] if again else []
        return Reason(GOOD, "no file was refused", f"No file was refused: {_join_words(parts)}.")
    were, them = ("was", "it") if refused == 1 else ("were", "them")
    words = f"{refused:,} of {count(files, 'file')} {were} refused: nothing of {them} is scored."
    return Reason(CARE, f"{count(refused, 'file')} {were} refused", words)


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
    """Return the reasons of the verdict from the drift, of the run and of its sources."""
    if not facts.models:
        return []
    if not facts.drift and not facts.source_drift:
        words = "Drift was not measured: too few reviews of its sources came before, or the model has no reference."
        return [Reason(GOOD, "", words)]
    drifted = _list_drifted(facts.drift)
    if not drifted:
        return _judge_source_drift(facts) or [_describe_no_drift(facts)]
    figures = f"Unlike the model's held-out reviews ({_list_figures(drifted)})."
    return [Reason(CARE, f"the {_name_measures(drifted)} drifted", figures), *_judge_source_drift(facts)]


def _list_drifted(rows: Sequence[Row]) -> list[Row]:
    """Return the measures that drifted, without those whose drift the profiles of their sources accept."""
    return [row for row in rows if row["drifted"] and not row["is_accepted"]]


def _describe_no_drift(facts: ScoringFacts) -> Reason:
    """Return the reason of the verdict of a run in which nothing drifted, or the sources accept what did."""
    accepted = [row for row in (*facts.drift, *facts.source_drift) if row["is_accepted"]]
    if accepted:
        words = f"Drift that the profiles of the sources accept ({_list_figures(accepted)})."
        return Reason(GOOD, "the sources accept what drifted", words)
    words = "Scores and texts are like what their sources sent before or, of new ones, the held-out reviews."
    return Reason(GOOD, "nothing drifted", words)


def _judge_source_drift(facts: ScoringFacts) -> list[Reason]:
    """Return the reasons of the verdict from sources that differ from their own past."""
    drifted = _list_drifted(facts.source_drift)
    by_source = {
        row["source"]: [each for each in drifted if each["source"] == row["source"]] for row in drifted
    }
    return [
        Reason(
            CARE,
            f"the {_name_measures(rows)} of {source} drifted",
            f"Unlike what {source} sent before ({_list_figures(rows)}).",
        )
        for source, rows in by_source.items()
    ]


def _name_measures(drifted: Sequence[Row]) -> str:
    """Return the names of the measures that drifted, each once."""
    names = (_MEASURES_PLURAL.get(str(row["measure"]), str(row["measure"])) for row in drifted)
    return _join_words(list(dict.fromkeys(names)))


def _list_figures(drifted: Sequence[Row]) -> str:
    """Return the figures of the measures that drifted."""
    return ", ".join(
        f"{name_measure(row['measure'])}: PSI {row['psi']:.3f}, threshold {row['threshold']:.3f}"
        for row in drifted
    )


def _judge_language(facts: ScoringFacts) -> list[Reason]:
    """Return the reason of the verdict from the reviews that do not count since they are not in English, if any."""
    foreign = {row["source"]: row["not_counted"] for row in facts.sources if row["not_counted"]}
    total = sum(foreign.values())
    if not total:
        return []
    named = ", ".join(f"{source}: {rows:,}" for source, rows in foreign.items())
    words = (
        f"Not in English, so in no share or rating: {total:,} of {count(facts.reviews_scored, 'review')} ({named}). "
        f"If they should count: {COUNT_THEM}."
    )
    is_few = total <= UNNOTICED_SHARE * facts.reviews_scored
    brief = "" if is_few else f"{count(total, 'review')} {'does' if total == 1 else 'do'} not count"
    return [Reason(GOOD if is_few else CARE, brief, words)]


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
    return [
        Reason(GOOD, "", f"A training is due: {row['words']}.")
        if row["reason"] == "labels"
        else Reason(CARE, "a training is due", f"A training is due: {row['words']}.")
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
