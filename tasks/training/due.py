"""Finds the reasons for which a training is due.

Each is found once for a champion: its accuracy fell, the reviews of a source drifted for long, or enough labels came
since the last training with own labels. After such a training new labels are counted anew, and can be a reason again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from tasks.support.wording import count
from tasks.training.champion_promise import LABELLED_SINCE, Judged, describe_fall
from tasks.warehouse.model_registry import PromotedModel
from tasks.warehouse.tallies.score_sums import GIVEN_SENTIMENT

DRIFT_DAYS = 3
"""So many of a source's last days on which drift was checked must have found it."""
CHECKED_DAYS = 7
"""So many last days on which drift was checked are looked at."""
ListTexts = Callable[[], list[str]]
"""Lists the sha256 of texts."""
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
# A source's reviews beside its own earlier ones; those whose drift its profile accepts have passed the check.
_FIND_DRIFT = """
WITH judged AS (
    SELECT
        source, make_timestamp(epoch_us(checked_at))::DATE AS day, bool_or(NOT success) AS has_drifted,
        list(DISTINCT columns) FILTER (NOT success) AS measures
    FROM contract_results
    WHERE boundary = 'drift' AND source IS NOT NULL AND checked_at > $since GROUP BY ALL
),
last_days AS (
    FROM judged QUALIFY row_number() OVER (PARTITION BY source ORDER BY day DESC) <= $last
)
SELECT
    source, count(*) FILTER (has_drifted) AS days, count(*), min(day) FILTER (has_drifted),
    list_sort(list_distinct(flatten(list(measures))))
FROM last_days GROUP BY source HAVING days >= $fewest ORDER BY source
"""
_FIND_LEARNT = """
SELECT greatest(
    (SELECT own_labels_until FROM models WHERE model_id = $model_id),
    (SELECT max(started_at) FROM runs
     WHERE flow = 'train-model' AND status = 'completed' AND parameters->>'with_own' = 'true')
)
"""
# With those that people gave by `reviews models label`.
_COUNT_LABELS = f"""{LABELLED_SINCE.rstrip()},
known AS (SELECT unnest($known::VARCHAR[]) AS text_sha256)
SELECT (SELECT count(*) FROM labelled ANTI JOIN known USING (text_sha256)) + (
    SELECT count(*) FROM review_labels ANTI JOIN known USING (text_sha256)
    WHERE labelled_at > $since AND {GIVEN_SENTIMENT} IS NOT NULL
)
"""  # noqa: S608 (our own words)
_FIND_LAST_COMMIT = "SELECT coalesce(max(commit_number), 0) FROM scored_files WHERE committed_at <= ?"
_IS_KNOWN = "SELECT 1 FROM findings WHERE kind = 'training_due' AND subject = ? AND first_seen > ?"


AT_LABELS = 500
"""After so many new labels a training is due."""


@dataclass(frozen=True)
class TrainingReason:
    """A reason for which a training is due."""

    reason: str
    """'accuracy', 'drift' or 'labels'."""
    since: datetime
    """What counts came since: the promotion or, for labels, the last training with own labels."""
    words: str


def find_new_reasons(
    connection: duckdb.DuckDBPyConnection, judged: Judged, at_labels: int, list_archive: ListTexts
) -> list[TrainingReason]:
    """Return the reasons that are no finding yet; `at_labels` new labels are one.

    `list_archive` is called if there are so many, since no training with own labels learns from texts of the archive.
    """
    champion = judged.champion
    found = [
        # Of the source, or of all, for which it is surest.
        *(TrainingReason("accuracy", champion.since, describe_fall(each)) for each in judged.fallen[:1]),
        *_find_drift(connection, champion),
        *_find_labels(connection, champion, at_labels, list_archive),
    ]
    return [each for each in found if not _is_known(connection, champion, each.reason, each.since)]


def _is_known(
    connection: duckdb.DuckDBPyConnection, champion: PromotedModel, reason: str, since: datetime
) -> bool:
    """Return whether a reason was found before, whatever has become of it."""
    return bool(connection.execute(_IS_KNOWN, [name_reason(champion, reason), since]).fetchall())


def name_reason(champion: PromotedModel, reason: str) -> str:
    """Return the subject of the finding that a training is due for a reason."""
    return f"{champion.model_id} ({reason})"


def _find_drift(connection: duckdb.DuckDBPyConnection, champion: PromotedModel) -> Iterator[TrainingReason]:
    """Yield a reason if drift of sources lasts."""
    values = {"since": champion.since, "last": CHECKED_DAYS, "fewest": DRIFT_DAYS}
    found = connection.execute(_FIND_DRIFT, values).fetchall()
    phrases = [
        f"{source} drifted from its own past on {days} of the last {count(judged, 'day')} with enough reviews, "
        f"first on {first} ({', '.join(measures)})"
        for source, days, judged, first, measures in found
    ]
    if phrases:
        yield TrainingReason("drift", champion.since, "; ".join(phrases))


def _find_labels(
    connection: duckdb.DuckDBPyConnection, champion: PromotedModel, at_labels: int, list_archive: ListTexts
) -> Iterator[TrainingReason]:
    """Yield a reason if enough labels came since the last training with own labels."""
    [(learnt,)] = connection.execute(_FIND_LEARNT, {"model_id": champion.model_id}).fetchall()
    if _is_known(connection, champion, "labels", learnt or _EVER):
        return  # before many labels are counted in each run
    [(after,)] = connection.execute(_FIND_LAST_COMMIT, [learnt or _EVER]).fetchall()
    values = {"since": learnt or _EVER, "after": after, "known": list[str]()}
    [(labels,)] = connection.execute(_COUNT_LABELS, values).fetchall()
    if labels >= at_labels:
        [(labels,)] = connection.execute(_COUNT_LABELS, {**values, "known": list_archive()}).fetchall()
    if labels >= at_labels:
        when = (
            f" since the last training with own labels ({learnt:%Y-%m-%d})"
            if learnt
            else ", and none was learnt from yet"
        )
        # Beside a promise that is held this would read as its contrary.
        came = f"{count(labels, 'review')} with a label or a clear rating came{when}"
        words = f"{came}; this counts labels, not errors"
        yield TrainingReason("labels", learnt or _EVER, words)
