"""The report of a scoring run: its sections."""

from collections.abc import Callable

from data_contracts.archive import DATASETS
from tasks.pages.formatting import format_moment, format_number
from tasks.pages.rendering import Frame
from tasks.pages.sections import Row, Rows, Section
from tasks.report.release_commands import format_release
from tasks.report.verdict import judge_scores, tell_verdicts
from tasks.support.wording import count

NAMES: dict[str, Callable[[str], str]] = {"dataset": lambda name: DATASETS.get(name, name)}


def frame_scoring(row: Row) -> Frame:
    """Return the frame of the report, by the row of `run-figures`."""
    again = " again" if 0 < row["files"] == row["files_rescored"] and not row["files_refused"] else ""
    what = f"{count(row['reviews'], 'review')} of {count(row['files'], 'file')} scored{again}"
    return frame_run(row, "Scoring run", what, "")


def frame_run(row: Row, kind: str, heading: str, model: str) -> Frame:
    """Return the frame of the report of a run."""
    took = "" if row["seconds"] is None else f" after {format_number(row['seconds'], 1)} s"
    return Frame(
        heading,
        eyebrow=f"{kind}, {format_moment(row['started_at'])}",
        meta=f"{model}Run {row['run_id']}, {row['status']}{took}",
        title=f"{heading}, {format_moment(row['started_at'])}",
        foot=f"reviews report {row['run_id']}",
    )


def _tell_figures(rows: Rows) -> str:
    """Return what the figures leave out."""
    row = rows[0]
    told = {
        "files_rescored": f"Another model had scored {count(row['files_rescored'], 'file')} with "
        f"{count(row['rows_read_again'], 'row')} before.",
        "files_left": f"Left for the next run with --rescore: {count(row['files_left'], 'file')}.",
        "labels_taken": f"Labels by people: {row['labels_taken']:,} taken in, {row['labels_withdrawn']:,} withdrawn.",
        "not_counted": f"{count(row['not_counted'], 'review')} not in English: scored, but in no share, mean or chart.",
        "reviews": "Sentiment is derived from the score, stars from the ratings that writers of such reviews gave: "
        "near the middle the two may disagree.",
    }
    return " ".join(words for name, words in told.items() if row[name])


def _tell_releases(rows: Rows) -> str:
    """Return how the rows of each rule are released."""
    commands = [f"{row['rule']}: `{command}`." for row in rows if (command := format_release(row))]
    kept = sum(row["releasable"] for row in rows if format_release(row))
    told = ["Quarantined rows are kept with their bytes; `reviews quarantine list` names each.", *commands]
    if kept < sum(row["rows"] - row["released_since"] for row in rows):
        told.append("Other rows: correct the file and put it into the inbox, where it counts as a new file.")
    return " ".join(told)


def _tell_promise(rows: Rows) -> str:
    """Return what the promise of the champion is."""
    model_id, since = rows[0]["model_id"], format_moment(rows[0]["since"])
    return (
        f"Promised is the accuracy on held-out reviews before {model_id} became the champion ({since}); held is that "
        "on labelled reviews that came since, in the last 90 days. From an evidence of 1 on, it has fallen beyond "
        "chance."
    )


SECTIONS = (
    Section("Verdict", "run-verdict", judge_scores, "verdict"),
    Section(
        "In figures", "run-figures", _tell_figures, "figures",
        "reviews=reviews scored, share_positive, stars=stars of 10 on average, rows_quarantined, files_refused",
    ),
    Section("Files", "run-files"),
    Section("Sources that did not send as usual", "run-deliveries"),
    Section(
        "What was refused, and why", "run-refused",
        "Nothing of these files is scored. Each is tried again when its content changes, or when it is named: "
        "`reviews score FILE`.",
    ),
    Section(
        "What was quarantined, and how it is released", "run-quarantined", _tell_releases,
        columns="rule, rows, files, released_since",
    ),
    Section("What each model scored", "run-models"),
    Section(
        "What each source sent", "period-sources", tell_verdicts,
        columns="source, reviews, not_counted, share_positive, share_called_right, judged=of reviews, stars_off",
    ),
    Section("Scores", "run-scores", look="bars"),
    Section("Ratings", "run-ratings", look="bars", unit="reviews"),
    Section("Lengths", "run-lengths", look="lying bars"),
    Section(
        "Drift", "run-drift",
        "How far the reviews of each source are from its own past, and those of new sources, all together, from the "
        "reviews on which the model was tested. A measure drifted where PSI, the population stability index, is above "
        "its threshold.",
        columns="source, measure, result, psi=PSI, threshold, mean, reference_mean=mean before, reviews, "
        "reference_reviews=reviews before",
        empty="Nothing was compared: no source sent enough reviews, or the model has no held-out reviews on record.",
    ),
    Section(
        "Reviews worth a look", "period-reviews", look="reviews", given={"limit": 3},
    ),
    Section(
        "Movies that moved", "period-movies",
        empty="No movie had enough reviews both before and after this run to be compared.",
    ),
    Section(
        "What the champion promised, and what it holds", "run-promise", _tell_promise,
        columns="source, accuracy_promised=promised, measured_on, accuracy_held=held, labelled, evidence, fallen_since",
    ),
    Section("Contracts that did not hold", "run-contracts", "A warning stops no run."),
    Section(
        "Where the scores come from", "run-lineage", look="facts",
        columns="model_id, variant, seed, dataset=training data, reviews_learnt_from, trained_at, data_fingerprint, "
        "bundle_fingerprint, code_version",
    ),
)  # fmt: skip
