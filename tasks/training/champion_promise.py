"""Reads what the champion promised and how right it is on labelled reviews that came since; records how it stands.

A review counts once, on the day on which its first labelled row came; of near-copies in a source, the first one. None
counts that had a label before the promotion, since the model may have learnt from it or been judged on it, or that is
known to be in another language. What came first, and what before the promotion, is decided by the order of commits.

So that a run of few reviews costs little beside years of history, only those of the last `LAST_DAYS` are read, and
where these are many, only by the first run of a day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

import duckdb

from data_contracts.queries import read_named
from models.evaluation.gate import FEWEST_OWN_REVIEWS
from models.evaluation.promise_judging import (
    LAST_DAYS,
    Promise,
    Standing,
    Stream,
    Tally,
    judge_promise,
)
from tasks.support.wording import count
from tasks.warehouse.model_registry import PromotedModel, read_champion
from tasks.warehouse.tallies.score_sums import GIVEN_SENTIMENT

MANY_REVIEWS = 20_000
"""More labelled reviews than these are read once a day (UTC)."""
OWN, ARCHIVE, BOTH = "own labels", "archive", "both"
_MEASURED_ON = {
    OWN: "on held-out labels of sources",
    ARCHIVE: "on held-out reviews of the archive",
    BOTH: "on held-out reviews of the archive and labels of sources",
}
_HAS_LABEL = f"{GIVEN_SENTIMENT} IS NOT NULL"
# The reviews whose newest row has a label and came since, before it is known when the first one came.
LABELLED_SINCE = f"""
WITH candidates AS (
    SELECT
        review_key, near_key, text_sha256, coalesce(file_source, 'default') AS source,
        coalesce(movie_id, text_sha256) AS title,
        {GIVEN_SENTIMENT} AS label, best_model_id, best_sentiment, file_seen_at, file_commit_number
    FROM source_reviews
    WHERE is_latest AND file_commit_number > $after AND in_english IS DISTINCT FROM false AND {_HAS_LABEL}
),
earlier AS (
    SELECT
        review_key, min(file_commit_number) AS first_number,
        arg_min(file_seen_at, file_commit_number) AS first_seen_at
    FROM source_reviews SEMI JOIN candidates USING (review_key)
    WHERE NOT is_latest AND {_HAS_LABEL} GROUP BY review_key
),
labelled AS (
    SELECT
        *, least(file_commit_number, first_number) AS came_in,
        CASE WHEN first_number < file_commit_number THEN first_seen_at ELSE file_seen_at END AS seen_at
    FROM candidates LEFT JOIN earlier USING (review_key)
    WHERE came_in > $after
    QUALIFY near_key IS NULL
        OR row_number() OVER (PARTITION BY source, near_key ORDER BY came_in, review_key, text_sha256) = 1
)
"""  # noqa: S608 (our own words)
# How much the shares of the titles differ, over how much they would if reviews were independent.
_READ_STREAMS = f"""
{LABELLED_SINCE},
judged AS (
    SELECT *, (best_sentiment = label)::INTEGER AS is_right, make_timestamp(epoch_us(seen_at))::DATE AS day
    FROM labelled WHERE best_model_id = $model_id
),
shares AS (SELECT source, count(*) AS reviews, avg(is_right) AS accuracy FROM judged GROUP BY source),
titles AS (SELECT source, title, count(*) AS reviews, sum(is_right) AS right_reviews FROM judged GROUP BY ALL),
spreads AS (
    SELECT
        source,
        sum((titles.right_reviews - titles.reviews * accuracy) ** 2)
            / nullif(any_value(shares.reviews * accuracy * (1 - accuracy)), 0) AS spread
    FROM titles JOIN shares USING (source) GROUP BY source
)
SELECT source, any_value(greatest(1, coalesce(spread, 1))), day, count(*), sum(is_right)::BIGINT
FROM judged JOIN spreads USING (source) GROUP BY source, day ORDER BY source, day
"""  # noqa: S608 (likewise)
_READ_ARCHIVE = """
SELECT validation_accuracy, validation_rows FROM models
WHERE model_id = $model_id AND validation_accuracy IS NOT NULL AND validation_rows > 0
"""
# Of the last decision that made it the champion.
_READ_OWN = """
SELECT substr(name, 8), challenger, reviews FROM gate_checks
WHERE model_id = $model_id AND starts_with(name, 'source ') AND challenger IS NOT NULL AND reviews >= $fewest
    AND decision = (SELECT max(decision) FROM gate_checks WHERE model_id = $model_id AND promoted)
"""
_IS_JUDGED = """
SELECT 1 FROM promises
WHERE number = $number AND source IS NULL AND reviews > $many AND judged_at >= date_trunc('day', now())
"""
# The last commit before the promotion or, if that is longer ago, before the last days.
_FIND_START = f"""
WITH scored AS (FROM scored_files WHERE status = 'scored')
SELECT greatest(
    (SELECT commit_number FROM promotions WHERE number = $number),
    (
        SELECT min(commit_number) - 1 FROM scored WHERE committed_at > (
            SELECT arg_max(committed_at, commit_number) - INTERVAL {LAST_DAYS} DAYS FROM scored
        )
    ),
    0
)
"""  # noqa: S608 (likewise)
_DROP = "DELETE FROM promises WHERE number = $number"
_ADD = """
INSERT INTO promises VALUES (
    $number, $model_id, $source, $since, $promised, $promised_by, $reviews, $right_reviews, $evidence, $fallen_since,
    $reviews_since_fall, $right_since_fall, now()
)
"""


@dataclass(frozen=True)
class Judged:
    """How the champion stands by its promise."""

    champion: PromotedModel
    standings: tuple[Standing, ...] = ()
    """Over all sources, then of each if there are several; none where its accuracy on the archive is not known."""

    @property
    def fallen(self) -> list[Standing]:
        """The standings that are below the promise beyond chance, the surest first."""
        found = [each for each in self.standings if each.fallen_since]
        return sorted(found, key=lambda each: -each.evidence)


@dataclass(frozen=True)
class Promises:
    """What the gate measured of the champion: on the archive, and on held-out labels of sources."""

    archive: Promise
    own: dict[str, Promise]

    def find(self, source: str) -> Promise:
        """Return what was promised to a source."""
        return self.own.get(source, self.archive)

    def name(self, sources: Sequence[str]) -> str:
        """Return on whose reviews the promises to some sources were measured; without one, those to all known."""
        kinds = {source in self.own for source in sources} or {bool(self.own)}
        return BOTH if len(kinds) > 1 else OWN if True in kinds else ARCHIVE

    def average(self) -> float:
        """Return the accuracy that is promised before a labelled review has come."""
        known = list(self.own.values()) or [self.archive]
        return sum(each.accuracy * each.reviews for each in known) / sum(each.reviews for each in known)


def judge_champion(connection: duckdb.DuckDBPyConnection) -> Judged | None:
    """Judge the champion by what it promised, and record how it stands.

    Return None without a champion, or if it was judged today by many reviews.
    """
    champion = read_champion(connection)
    if champion is None:
        return None
    values = {"number": champion.number, "many": MANY_REVIEWS}
    if connection.execute(_IS_JUDGED, values).fetchall():
        return None
    promises = _read_promises(connection, champion.model_id)
    if promises is None:
        return Judged(champion)
    streams = read_streams(connection, champion, promises)
    standings = judge_promise(streams) or [Standing(None, promises.average(), Tally())]
    connection.execute(_DROP, {"number": champion.number})
    for each in standings:
        sources = [each.source] if each.source else [stream.source for stream in streams]
        row = {
            "number": champion.number,
            "model_id": champion.model_id,
            "source": each.source,
            "since": champion.since,
            "promised": each.promised,
            "promised_by": promises.name(sources),
            "reviews": each.total.reviews,
            "right_reviews": each.total.right,
            "evidence": each.evidence,
            "fallen_since": each.fallen_since,
            "reviews_since_fall": each.since_fall.reviews,
            "right_since_fall": each.since_fall.right,
        }
        connection.execute(_ADD, row)
    return Judged(champion, tuple(standings))


def _read_promises(connection: duckdb.DuckDBPyConnection, model_id: str) -> Promises | None:
    """Return what a champion promised; None where its accuracy on the archive is not known."""
    archive = connection.execute(_READ_ARCHIVE, {"model_id": model_id}).fetchall()
    values = {"model_id": model_id, "fewest": FEWEST_OWN_REVIEWS}
    own = connection.execute(_READ_OWN, values).fetchall()
    if not archive:
        return None
    [(accuracy, reviews)] = archive
    of_sources = {source: Promise(share, number, True) for source, share, number in own}
    return Promises(Promise(accuracy, reviews, False), of_sources)


def read_streams(
    connection: duckdb.DuckDBPyConnection, champion: PromotedModel, promises: Promises
) -> list[Stream]:
    """Return by source the labelled reviews that came since the champion's promotion and that it has scored."""
    [(start,)] = connection.execute(_FIND_START, {"number": champion.number}).fetchall()
    values = {"model_id": champion.model_id, "after": start}
    rows = connection.execute(_READ_STREAMS, values).fetchall()
    streams = []
    for (source, spread), of_source in groupby(rows, lambda row: row[:2]):
        days = tuple((day, Tally(*figures)) for _, _, day, *figures in of_source)
        streams.append(Stream(source, promises.find(source), days, spread))
    return streams


def describe_fall(standing: Standing) -> str:
    """Return a phrase about a standing that is below the promise."""
    since = standing.since_fall
    where = f" of {standing.source}" if standing.source else ""
    share = since.right / max(since.reviews, 1)
    return (
        f"the accuracy{where} is below the promise since {standing.fallen_since}: from then on {share:.1%} of "
        f"{count(since.reviews, 'labelled review')} are called right, and {standing.promised:.1%} were promised"
    )


def find_standing(connection: duckdb.DuckDBPyConnection) -> dict[str, Any] | None:
    """Return the first row of `champion-promise`, over all sources, with times in ISO 8601.

    None before a run has judged the champion.
    """
    found = connection.execute(read_named("champion-promise").sql)
    names, row = [column[0] for column in found.description or []], found.fetchone()
    if row is None:
        return None
    values = [each.isoformat() if isinstance(each, date) else each for each in row]
    return dict(zip(names, values, strict=True))


def describe_standing(found: Mapping[str, Any] | None) -> list[str]:
    """Return the lines of the status on what the champion promised and holds."""
    if found is None:
        return []
    reviews = count(found["reviews"], "review")
    held = f"holds {found['held']:.1%} of {reviews} that" if found["reviews"] else "no review"
    promised = f"{found['promised']:.1%} right {_MEASURED_ON[found['promised_by']]}"
    return [
        f"  champion  {found['model_id']} promised {promised}, {held} came labelled since {found['since'][:10]}, in "
        f"the last {LAST_DAYS} days"
    ]
