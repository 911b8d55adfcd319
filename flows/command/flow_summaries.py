"""The messages that commands print when they have finished, built from the summaries of the flows."""

from collections.abc import Mapping, Sequence
from typing import Any

from data_contracts.archive import DATASETS
from flows.ingest_reviews import IngestSummary
from flows.train_model import TrainingSummary
from models.evaluation.gate import FIRST_MODEL, GateCheck
from models.evaluation.stars import TITLE_REVIEWS
from models.own_labels.fitting import FEWEST_OF_A_LABEL
from tasks.support.wording import count, escape_controls, quote_word
from tasks.training.champion_choice import NEXT
from tasks.training.labels_of_files import ALWAYS_LEARNT
from tasks.training.own_rows import FEWEST_LABELS

_SOURCES_NAMED = 10


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
    test, baseline = metrics["test"], facts["baseline"]
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
        _describe_stars(metrics["rating"]),
        f"  baseline    accuracy {baseline['test_accuracy']:.4f} ({baseline['name']})",
        *_describe_own(facts.get("own")),
        *_describe_gate(summary.checks),
        *(f"  warning     {warning}" for warning in summary.warnings),
        f"  {'promoted' if summary.promoted else 'not promoted'}: {escape_controls(summary.reason)}",
        *([f"  report      {summary.report}"] if summary.report else []),
    ]
    if summary.promoted and not any(check.name == FIRST_MODEL for check in summary.checks):
        lines.append(NEXT)
    return "\n".join(lines)


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
    labels = (
        f"learnt from {count(source['labels'], 'label')}, {source['positive']:,} positive; "
        f"{source['held_out']:,} held out"
    )
    if source["bias"] or source["ngrams"] or source.get("valence"):
        return labels
    of_a_kind = min(source["labels"] - source["positive"], source["positive"])
    few = f", as at least {FEWEST_OF_A_LABEL} labels of each kind are needed among those that are learnt from"
    return f"{labels}; nothing is changed{few if of_a_kind < FEWEST_OF_A_LABEL else ''}"


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
