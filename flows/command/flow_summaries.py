"""The messages that commands print when they have finished, built from the summaries of the flows."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from data_contracts.archive import DATASETS
from data_contracts.storage.store_uris import is_store_uri
from flows.ingest_reviews import IngestSummary
from flows.score_reviews import ScoringSummary
from flows.scoring_page import name_copies, name_labels, name_limit
from flows.train_model import TrainingSummary
from models.evaluation.gate import FIRST_MODEL, GateCheck
from models.evaluation.stars import TITLE_REVIEWS
from models.own_labels.fitting import FEWEST_OF_A_LABEL
from tasks.scoring.plan import EARLIER_READING, PlannedFile, ScoringPlan
from tasks.support.wording import count, describe_duration, escape_controls, quote_word
from tasks.training.champion_choice import NEXT
from tasks.training.labels_of_files import ALWAYS_LEARNT
from tasks.training.own_rows import FEWEST_LABELS

_SOURCES_NAMED = 10
MOST_LINES, _OF_EACH_KIND = 25, 2
"""Lines of the message of a run beyond which it has no more than a few of each kind."""
_LISTED_BY = {
    "unclear": "`reviews sql contract-failures` and `reviews sql duplicates`",
    "accuracy": "reviews sql live-accuracy",
    "delivery": "reviews sql sources",
    "language": "reviews sql contract-failures",
    "drift": "reviews sql drift",
    "refused": "reviews sql rejected-files",
    "skipped": "reviews score --dry-run",
}
"""What lists the lines of a kind, by the word with which they begin."""
PLAN_LINES = 50
"""The largest number of files that the message of a plan lists."""
_READ_AGAIN = (
    "what was scored before is not read again, whatever {} says. Next: put it into a folder of the "
    "inbox, write a profile by `reviews sources init`, then `reviews sources rescan`"
)


def describe_ingest(summary: IngestSummary) -> str:
    """Return the message of `reviews ingest`: the reviews written as Parquet, and the results of the contracts."""
    done = "Ingested" if summary.changed else "Nothing to do, already ingested:"
    counts = ", ".join(f"{name} {count:,}" for name, count in summary.reviews.items())
    lines = [
        f"{done} {DATASETS[summary.dataset]}",
        f"  reviews   {counts}",
        f"  in        {summary.reviews_dir}",
    ]
    if summary.changed:
        warnings = count(len(summary.warnings), "warning")
        lines.append(f"  contracts {count(summary.checks, 'check')}, {warnings}")
    lines += [f"  warning   {warning}" for warning in summary.warnings]
    return "\n".join(lines)


def describe_training(summary: TrainingSummary) -> str:
    """Return the message of `reviews train`: metrics, baseline, the gate's checks, whether the model was promoted."""
    facts, metrics = summary.facts, summary.facts["metrics"]
    test, unseen = metrics["test"], metrics["test_unseen_texts"]
    baseline = facts["baseline"]
    lines = [
        f"Trained {summary.model_id} on {DATASETS[facts['provenance']['dataset']]}",
        f"  validation  accuracy {metrics['validation']['accuracy']:.4f}, log loss "
        f"{metrics['validation']['log_loss']:.4f} (epoch {facts['kept_epoch']} of {facts['epochs']} kept)",
        f"  test        accuracy {test['accuracy']:.4f}, AUC {test['auc']:.4f}, log loss "
        f"{test['log_loss']:.4f}, calibration error {test['calibration_error']:.4f}",
        *(
            f"  test        accuracy's 95 % interval {each['lower']:.4f} to {each['upper']:.4f}"
            for each in [metrics.get("accuracy_interval", {}).get("test")]
            if each
        ),
        f"  test        accuracy {unseen['accuracy']:.4f} without the texts that are also in train",
        f"  test        scored positive: {test['true_positives']:,} right, {test['false_positives']:,} wrong; "
        f"scored negative: {test['true_negatives']:,} right, {test['false_negatives']:,} wrong",
        _describe_stars(metrics["rating"]),
        f"  baseline    accuracy {baseline['test_accuracy']:.4f} ({baseline['name']})",
        *_describe_behaviour(metrics),
        *_describe_own(facts.get("own")),
        *_describe_gate(summary.checks),
        *(f"  warning     {warning}" for warning in summary.warnings),
        f"  {'promoted' if summary.promoted else 'not promoted'}: {escape_controls(summary.reason)}",
        *([f"  report      {summary.report}"] if summary.report else []),
    ]
    if summary.promoted and not any(check.name == FIRST_MODEL for check in summary.checks):
        lines.append(NEXT)
    return "\n".join(lines)


def _describe_behaviour(metrics: Mapping[str, Any]) -> list[str]:
    """Return the line of a message that counts passed behavioural tests and right reviews of other sources."""
    if "behaviour" not in metrics:
        return []
    rates = [
        *metrics["behaviour"]["by_test"],
        {**metrics["elsewhere"]["overall"], "name": "reviews from elsewhere"},
    ]
    passed = (f"{rate['name'].replace('_', ' ')} {rate['passed']} of {rate['tests']}" for rate in rates)
    return [f"  behaviour   {', '.join(passed)}"]


def _describe_own(own: Mapping[str, Any] | None) -> list[str]:
    """Return lines of the message of a training on what it has learnt of each source; none if it was not asked to."""
    if own is None:
        return []
    few = f": {_list_labels(own['too_few'])}" if own.get("too_few") else ""
    lines = [
        f"{escape_controls(each['source'])}: {said}"
        for each in own["sources"]
        for said in (_describe_layer(each), *map(_describe_file, each.get("files", ())))
    ]
    if not lines:
        lines.append(
            f"no source has {FEWEST_LABELS} labelled reviews of its own, so only the archive counts{few}"
        )
    elif few:
        lines.append(f"not learnt from, as they have fewer than {FEWEST_LABELS} labels{few}")
    if known := own.get("of_archive"):
        lines.append(f"not learnt from, as the archive has these labelled texts: {_list_labels(known)}")
    return [f"  own labels  {line}" for line in lines]


def _list_labels(few: Mapping[str, int]) -> str:
    """Return sources with their labels, those with the most first; of many the first ones and the number of others."""
    most = sorted(few, key=lambda source: (-few[source], source))
    named = ", ".join(f"{escape_controls(source)} ({few[source]})" for source in most[:_SOURCES_NAMED])
    others = len(most) - _SOURCES_NAMED
    return f"{named}, and {count(others, 'other')}" if others > 0 else named


def _describe_layer(source: Mapping[str, Any]) -> str:
    """Say what the labels of a source have settled."""
    labels = f"learnt from {count(source['labels'], 'label')}, {source['positive']:,} positive; "
    labels += f"{source['held_out']:,} held out"
    if left_out := source.get("left_out"):
        labels += f", {left_out:,} left out, as their titles are held out"
    if others := source.get("others"):
        labels += f"; {count(others, 'review')} without a label"
    valence = source.get("valence", 0.0)
    if source["bias"] == 0 and not source["ngrams"] and not valence:
        of_a_kind = min(source["labels"] - source["positive"], source["positive"])
        few = f", as at least {FEWEST_OF_A_LABEL} labels of each kind are needed among those that are learnt from"
        return f"{labels}; nothing is changed{few if of_a_kind < FEWEST_OF_A_LABEL else ''}"
    changed = f"logit {source['bias']:+.2f}" + (f", {valence:+.2f} for a valence of 1," if valence else "")
    return (
        f"{labels}; {changed} and weights of {count(source['ngrams'], 'n-gram')}; "
        f"{source['share_of_no_change']:.0%} for no change"
    )


def _describe_file(file: Mapping[str, Any]) -> str:
    """Say why not all labels of a file are learnt from, and what to do."""
    uri, source = escape_controls(file["uri"]), quote_word(file["source"])
    if not file["is_turned"]:
        return (
            f"of the {file['labels']:,} labels of {uri} {file['most']:,} are learnt from, the newest (labels_bounded): "
            f"a file gives no more than all before it, or {ALWAYS_LEARNT}. Next: if it may teach more, send it in parts"
        )
    return (
        f"none of the {count(file['labels'], 'label')} of {uri} is learnt from, since they turn what earlier ones said "
        f"(labels_turned): {file['contrary']:,} contradict the scores of their reviews. Next: if positive and negative "
        f"are turned round in it, say so under [labels] or [rating] in the profile, then `reviews sources rescan "
        f"{source}`; if they are false, `reviews forget {file['source_sha256'][:12]} --as file`; if they are true, "
        "forget the earlier files"
    )


def _describe_gate(checks: Sequence[GateCheck]) -> list[str]:
    """Return lines of a message: how many rules of the gate held, the accuracy beside the champion's, broken rules."""
    accuracy = [f"; {check.detail}" for check in checks if check.name == "accuracy"]
    failed = [escape_controls(f"{check.name}: {check.detail}") for check in checks if not check.passed]
    broken = [f"  broken      {words}" for words in failed]
    if not accuracy and not broken:
        return []
    held = sum(check.passed for check in checks)
    return [f"  gate        {held} of {count(len(checks), 'rule')} held{''.join(accuracy)}", *broken]


def _describe_stars(rating: Mapping[str, Any]) -> str:
    """Return the line of the message of a training on the predicted stars."""
    words = f"  stars       off by {rating['mae']:.2f} on average, rank correlation {rating['spearman']:.2f}"
    if rating["titles"] < 2:
        return words
    return f"{words}; of {count(rating['titles'], 'title')} with {TITLE_REVIEWS} reviews {rating['title_spearman']:.2f}"


def describe_scoring(summary: ScoringSummary | ScoringPlan, option: str | None = None) -> str:
    """Return the message of `reviews score`: what was scored, quarantined, refused and skipped; or that of a plan.

    `option` is the one that said how to read the named files.
    """
    if isinstance(summary, ScoringPlan):
        return describe_plan(summary)
    has_read = summary.files_scored or summary.refused or summary.skipped
    # The model that scored is trained again in seconds, if nothing but the labels is new.
    variant = (summary.model_id or "").rpartition("-")[0].rpartition("-s")[0]
    train = f"reviews train --with-own{f' --variant {variant}' if variant else ''}"
    said: dict[str, Sequence[str]] = {
        "left": [
            f"{count(summary.rows_left, 'review')} of {count(summary.files_left, 'file')} for the next run with "
            "--rescore: the time of REVIEWS_RESCORE_MINUTES is over"
        ]
        * bool(summary.files_left),
        "known": [_READ_AGAIN.format(option)] if option and not has_read else [],
        "unclear": summary.unclear,
        "labels": [name_labels(summary.taken)] if summary.taken.sheets else [],
        "accuracy": summary.sources.accuracy,
        "delivery": summary.sources.deliveries,
        "language": summary.sources.languages,
        "drift": summary.drifted,
        "training": [f"is due: {words}. Next: {train}" for words in summary.due],
        "refused": summary.refused,
        "copies": [name_copies(summary.copies)] if summary.copies else [],
        "in part": [f"{each.uri}: {each.reason}" for each in summary.taken.partly],
        "skipped": [f"{each.uri}: {each.reason}" for each in summary.skipped],
        "undelivered": [*map(_describe_undelivered, summary.undelivered)],
        "shadow": [summary.shadow] if summary.shadow else [],
        "report": [summary.report] if summary.report else [],
    }
    lines = [
        *_describe_scored(summary),
        *(f"  {kind:<12}{escape_controls(words)}" for kind, found in said.items() for words in found),
    ]
    return "\n".join(lines if len(lines) <= MOST_LINES else _shorten(lines))


def _shorten(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a message; of each kind that has many the first ones, and what lists the others."""
    for kind, group in groupby(lines, key=lambda line: line.split(maxsplit=1)[0]):
        alike = list(group)
        shown = _OF_EACH_KIND if kind in _LISTED_BY and len(alike) > _OF_EACH_KIND + 1 else len(alike)
        yield from alike[:shown]
        if others := alike[shown:]:
            yield f"  {kind:<12}and {len(others):,} more: {_LISTED_BY[kind]}"


def _describe_undelivered(name: str) -> str:
    """Say that a destination, or the copy in a store, gets no scores."""
    if is_store_uri(name):
        return f"{name} is behind: the next run tries again"
    return f"{name} gets no scores: reviews destinations status"


def _describe_scored(summary: ScoringSummary) -> list[str]:
    """Return the lines of the message of `reviews score` on what was scored and quarantined."""
    if summary.counting_again and not summary.files_scored:
        return _describe_counting_again(summary)
    if summary.files_scored + summary.files_rescored + len(summary.refused) == 0:
        # A mistyped home has an empty inbox, so the message names the inbox.
        where = f", in {escape_controls(summary.inbox)}" if not summary.files_found else ""
        unread = f"; {count(len(summary.skipped), 'file')} not read" if summary.skipped else ""
        return [f"Nothing new: {count(summary.files_found, 'file')} looked at{where}{unread}"]
    if summary.files_scored + summary.files_rescored == 0:
        return [f"Nothing scored: {count(len(summary.refused), 'file')} refused"]
    by = f" with {summary.model_id}" if summary.model_id else ""
    lines = [f"Scored {count(summary.rows_scored, 'review')} of {count(summary.files_scored, 'file')}{by}"]
    if summary.files_rescored:
        again = f"{count(summary.rows_rescored, 'review')} of {count(summary.files_rescored, 'file')}"
        lines.append(f"  again       {again} that other models had scored")
    if summary.counting_again:
        lines += [f"  {line}" for line in _describe_counting_again(summary)]
    if summary.files_replaced:
        files = count(summary.files_replaced, "earlier file")
        lines.append(f"  replaced    {files} of the same source: what the new one lacks counts no more")
    if summary.rows_quarantined:
        query = "select uri, row_number, rule, detail from open_quarantine"
        lines.append(f'  {count(summary.rows_quarantined, "row")} quarantined: reviews sql "{query}"')
    return lines


def _describe_counting_again(summary: ScoringSummary) -> list[str]:
    """Return the lines on files of which an earlier reading counts again."""
    files = summary.counting_again
    more = [f"  and {len(files) - PLAN_LINES:,} more"] if len(files) > PLAN_LINES else []
    return [
        f"Read in this way before, and count so again: {count(len(files), 'file')}; nothing of them is scored",
        *(f"  {escape_controls(uri)}" for uri in files[:PLAN_LINES]),
        *more,
        "`reviews export --new` brings an export up to date with the readings that count",
    ]


def describe_plan(plan: ScoringPlan) -> str:
    """Return the message of `reviews score --dry-run`: at most `PLAN_LINES` files and why each, then the totals."""
    by = f"with {plan.model_id}" if plan.model_id else "once a model is promoted: none is yet (reviews train)"
    listed = (*plan.files, *plan.labels)
    if not plan.files:
        lines = [f"Nothing to score: {count(plan.files_found, 'file')} looked at. Would score {by}."]
        lines += _tabulate_plan(listed) if listed else []
    else:
        again = all(file.why == EARLIER_READING for file in plan.files)
        would = "Would score nothing, but let earlier readings count again" if again else f"Would score {by}"
        lines = [f"{would}; nothing was changed.", *_tabulate_plan(listed), *_describe_again(plan)]
    lines += [f"  skipped {escape_controls(each.uri)}: {each.reason}" for each in plan.skipped]
    return "\n".join(lines)


def _describe_again(plan: ScoringPlan) -> list[str]:
    """Return the lines of the message of a plan on what it would take to score again, and on its limit."""
    limit = [f" {name_limit(plan)}"] if name_limit(plan) else []
    if (rescoring := plan.rescoring) is None:
        return limit
    pieces, rows = count(rescoring.pieces, "group"), count(rescoring.rows, "row")
    taken = describe_duration(rescoring.seconds)
    about = "" if taken.startswith("less") else "about "
    return [f"  again: {pieces}, {rows}; one process like this one takes {about}{taken}", *limit]


def _tabulate_plan(files: Sequence[PlannedFile]) -> list[str]:
    """Return the lines of the message of a plan: its first files, and the totals."""
    shown = files[:PLAN_LINES]
    totals = _total_plan(files)
    width = max(len("why"), *(len(why) for why in totals))
    rows = [
        (
            file.why,
            "-" if file.rows is None else f"{file.rows:,}",
            escape_controls("  ".join(filter(None, (file.uri, file.trouble)))),
        )
        for file in shown
    ]
    digits = max(len("rows"), *(len(count) for _, count, _ in rows))
    lines = [
        f"  {why:<{width}}  {count:>{digits}}  {name}"
        for why, count, name in [("why", "rows", "file"), *rows]
    ]
    if len(files) > len(shown):
        lines.append(f"  and {len(files) - len(shown):,} more")
    return [*lines, *(f"  total {why}: {words}" for why, words in totals.items())]


def _total_plan(files: Sequence[PlannedFile]) -> dict[str, str]:
    """Count files, rows and the files that a run would refuse for each reason of a plan; return words by reason.

    The rows of files that are not read before the run, such as objects of a store, are not known.
    """
    totals = {}
    for why in dict.fromkeys(file.why for file in files):
        those = [file for file in files if file.why == why]
        troubled = sum(file.trouble is not None for file in those)
        counted = [file.rows for file in those if file.rows is not None]
        rows = f", {count(sum(counted), 'row')}" if counted else ""
        unscored = f", {troubled:,} of the files would not be scored" if troubled else ""
        totals[why] = f"{count(len(those), 'file')}{rows}{unscored}"
    return totals
