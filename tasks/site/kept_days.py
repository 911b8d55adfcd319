"""Keeps the figures of each day beside the pages, so that of the history of scores only new files are read.

Of rows they are sums, to which those of files that came since are added. Where anything else has changed since, such as
files that were read again, rows that were forgotten or released, all are read anew. Those of labels are read anew with
each new file, from the view `live_accuracy`, which reads sums itself.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from data_contracts.storage.durable import write_all_whole
from tasks.queries.run_query import Ask
from tasks.report.run_choice import Row
from tasks.site.page_record import fingerprint_design

NAME = ".days.json"
_SUMS = ("rows", "positive", "labelled", "right", "rated", "stars_off")
_READ_STATE = """
SELECT
    max(committed_at) AS upto,
    count(*)::VARCHAR || '-' || coalesce(bit_xor(hash(source_sha256, model_id, committed_at)), 0)
    || '-' || (SELECT count(*) FROM forgotten_rows)
    || '-' || (SELECT count(*) FROM quarantined_rows WHERE released_at IS NOT NULL)
    || '-' || (SELECT coalesce(bit_xor(hash(review_labels)), 0) FROM review_labels) AS state
FROM scored_files WHERE status = 'scored' AND superseded_at IS NULL AND committed_at <= $upto
"""
_LABELLED = """
    coalesce(labelled_reviews, 0) AS labelled, coalesce(accuracy * labelled_reviews, 0) AS "right",
    coalesce(rated_reviews, 0) AS rated, coalesce(rating_mae * rated_reviews, 0) AS stars_off
"""
_READ_ALL = f"""
SELECT day, model_id, source, rows_scored AS rows, share_positive * rows_scored AS positive, {_LABELLED}
FROM daily_scores LEFT JOIN live_accuracy USING (day, model_id, source)
"""  # noqa: S608 (our own words)
# As in the view daily_scores, of these files alone.
_READ_NEW = """
SELECT
    make_timestamp(epoch_us(scored_at))::DATE AS day, model_id, source,
    count(*) AS rows, count(*) FILTER (sentiment = 'positive') AS positive
FROM counted_scores SEMI JOIN (
    SELECT source_sha256, model_id FROM scored_files
    WHERE status = 'scored' AND superseded_at IS NULL AND committed_at > $upto
) AS files USING (source_sha256, model_id) GROUP BY ALL
"""
# A label may count for a row of an earlier day, or not at all where its review had one: so such sums can't be added.
_READ_LABELLED = f"""
SELECT day, model_id, source, rows, positive, {_LABELLED}
FROM (
    SELECT unnest($days::STRUCT(
        day DATE, model_id VARCHAR, source VARCHAR, rows BIGINT, positive DOUBLE
    )[], recursive := true)
) LEFT JOIN live_accuracy USING (day, model_id, source)
"""  # noqa: S608 (our own words)
_MAKE_TABLE = """
CREATE TEMP TABLE scored_days AS SELECT unnest($days::STRUCT(
    day DATE, model_id VARCHAR, source VARCHAR,
    rows BIGINT, positive DOUBLE, labelled BIGINT, "right" DOUBLE, rated BIGINT, stars_off DOUBLE
)[], recursive := true)
"""


@dataclass(frozen=True)
class _Kept:
    """The figures of days as they were at some time."""

    upto: datetime
    """When the last of the files was committed."""
    state: str
    """What the ledger said of these files."""
    days: Sequence[Row]


def make_days(ask: Ask, folder: Path | None = None) -> None:
    """Make the table `scored_days`: what each model scored of each source on each day, as sums.

    Those that a folder keeps are brought up to date, and kept there.
    """
    kept = _read_kept(folder) if folder else None
    days: Sequence[Row]
    if kept and ask(_READ_STATE, {"upto": kept.upto})[0]["state"] == kept.state:
        new = ask(_READ_NEW, {"upto": kept.upto})
        days = ask(_READ_LABELLED, {"days": _add(kept.days, new)}) if new else kept.days
    else:
        days = ask(_READ_ALL)
    ask(_MAKE_TABLE, {"days": [dict(row) for row in days]})
    [state] = ask(_READ_STATE, {"upto": datetime.max.replace(tzinfo=UTC)})
    if folder and state["upto"] and not (kept and kept.state == state["state"]):
        _keep(folder, _Kept(state["upto"], state["state"], days))


def _add(days: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    """Return how many rows each day has, and how many positive ones, with those of new files added."""
    sums: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for row in (*days, *new):
        key = (row["day"], row["model_id"], row["source"])
        rows, positive = sums.get(key, (0, 0))
        sums[key] = (rows + row["rows"], positive + row["positive"])
    names = ("day", "model_id", "source", "rows", "positive")
    return [dict(zip(names, (*key, *values), strict=True)) for key, values in sums.items()]


def _keep(folder: Path, kept: _Kept) -> None:
    """Write the figures of days."""
    content = {
        "design": fingerprint_design(),
        "upto": kept.upto.isoformat(),
        "state": kept.state,
        "days": [
            [str(row["day"]), row["model_id"], row["source"], *(row[name] for name in _SUMS)]
            for row in kept.days
        ],
    }
    write_all_whole(folder, [(NAME, json.dumps(content).encode())])


def _read_kept(folder: Path) -> _Kept | None:
    """Return the figures that are kept; None if there are none, or of another version of this program."""
    try:
        content = json.loads((folder / NAME).read_text("utf-8"))
        if content["design"] != fingerprint_design():
            return None
        days = [_read_day(*values) for values in content["days"]]
        return _Kept(datetime.fromisoformat(content["upto"]), str(content["state"]), days)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _read_day(day: str, model_id: str, source: str, *sums: float) -> Mapping[str, Any]:
    """Return the figures of a model, a source and a day."""
    named = zip(_SUMS, sums, strict=True)
    return {"day": date.fromisoformat(day), "model_id": model_id, "source": source, **dict(named)}
