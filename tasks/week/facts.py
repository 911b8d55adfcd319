"""Reads what the page of a week shows from the published copy: of the files that were committed in it."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.queries.run_query import Ask
from tasks.report.moved_movies import MovedMovie, find_moved
from tasks.report.run_choice import Row
from tasks.report.scoring_facts import (
    COMPARE_ALL,
    DESCRIBE_SOURCES,
    MAKE_COUNTED,
    MAKE_SCORES,
    require_present_tables,
)
from tasks.warehouse.tallies.score_sums import GIVEN_SENTIMENT
from tasks.week.due_weeks import Week

WRONG_SHOWN = 6
"""Reviews that the model got wrong, at most."""
TEXT_CHARACTERS = 1000
"""Most characters of a review's text on the page."""

# What other models had scored before did not come in, nor what was read before the week by another profile. The name is
# that of the queries of a run's report.
_MAKE_WEEK_FILES = """
CREATE TEMP TABLE run_files AS
SELECT *, false AS is_rescored FROM scored_files AS files
WHERE committed_at >= $start AND committed_at < $end AND (superseded_at IS NULL OR superseded_at >= $end)
AND NOT (status = 'scored' AND EXISTS (
    FROM scored_files AS older
    WHERE older.source_sha256 = files.source_sha256 AND older.model_id <> files.model_id
    AND older.status = 'scored' AND older.committed_at < files.committed_at
))
AND NOT (status = 'scored' AND EXISTS (
    FROM scored_files AS older
    WHERE left(older.source_sha256, 64) = left(files.source_sha256, 64)
    AND older.status = 'scored' AND older.committed_at < $start
))
"""
# A row that was quarantined and released was scored by a run of its own.
_MAKE_WEEK_SCORES = MAKE_SCORES.format(which="(source_sha256, model_id) WHERE scored_at < $end")
_COUNT = """
WITH scored AS (FROM run_files WHERE status = 'scored'),
replaced AS (
    SELECT arg_min(rows_read, committed_at) AS rows FROM scored_files WHERE status = 'scored'
    GROUP BY left(source_sha256, 64)
    HAVING min(committed_at) >= $start AND min(committed_at) < $end AND left(source_sha256, 64) NOT IN (
        SELECT left(source_sha256, 64) FROM scored
    )
)
SELECT
    count(*) FILTER (status = 'scored') AS files, count(*) FILTER (status = 'refused') AS files_refused,
    (
        SELECT count(*) FROM quarantined_rows SEMI JOIN scored USING (source_sha256)
        WHERE released_at IS NULL OR released_at >= $end
    ) AS rows_quarantined,
    (SELECT coalesce(sum(rows), 0)::BIGINT FROM replaced) AS rows_replaced,
    (SELECT count(*) FROM replaced) AS files_replaced,
    (SELECT count(*) FROM forgotten_rows SEMI JOIN scored USING (source_sha256)) AS rows_forgotten,
    (SELECT count(*) FROM run_rows WHERE NOT counts) AS rows_not_counted,
    (SELECT count(*) FROM run_scores) AS reviews,
    (SELECT avg((sentiment = 'positive')::INTEGER) FROM run_scores) AS share_positive,
    (SELECT avg(predicted_rating) FROM run_scores) AS stars,
    (SELECT count(DISTINCT movie_id) FROM run_scores) AS movies
FROM run_files
"""
_COUNT_ROWS = """
SELECT
    coalesce(sum(rows) FILTER (day >= $first), 0)::BIGINT AS during,
    coalesce(sum(rows) FILTER (day < $first), 0)::BIGINT AS before
FROM source_days WHERE day >= $first - INTERVAL 7 DAY AND day < $first + INTERVAL 7 DAY
"""
_LIST_DRIFTED = """
SELECT
    source, columns AS measure, count(*) AS times, arg_max(observed, checked_at) AS observed,
    arg_max(expected, checked_at) AS expected, arg_max(run_id, checked_at) AS run_id
FROM contract_results
WHERE boundary = 'drift' AND NOT success AND checked_at >= $start AND checked_at < $end
GROUP BY source, columns ORDER BY source NULLS FIRST, measure
"""
_PICK_WRONG = f"""
WITH chosen AS (
    FROM (
        FROM run_scores WHERE position IS NOT NULL AND can_judge AND sentiment <> {GIVEN_SENTIMENT}
        QUALIFY row_number() OVER (PARTITION BY text_sha256 ORDER BY source_sha256, row_number) = 1
    ) ORDER BY abs(score - 0.5) DESC, source_sha256, row_number LIMIT $limit
)
SELECT
    left(chosen.source_sha256, 12) || ':' || chosen.row_number AS row_name, file_uri AS uri, chosen.review_id,
    chosen.movie_id, chosen.score, chosen.predicted_rating AS stars, chosen.sentiment, chosen.given_rating,
    CASE WHEN isfinite(reviewed_at) THEN strftime(make_timestamp(epoch_us(reviewed_at)), '%Y-%m-%d') END AS written_on,
    left(text, $characters) AS text, length(text) AS characters,
    left(chosen.text_sha256, 16) AS text_digest
FROM chosen JOIN source_reviews AS review ON review.rowid = chosen.position
ORDER BY abs(chosen.score - 0.5) DESC, chosen.source_sha256, chosen.row_number
"""  # noqa: S608 (our own words)


@dataclass(frozen=True)
class WeekFacts:
    """All that the page of a week shows."""

    week: Week
    totals: Row
    """files, files_refused, files_replaced, rows_quarantined, rows_replaced, rows_forgotten, rows_not_counted, reviews,
    share_positive, stars and movies of what came in; `files` are those that still count at its end."""
    rows: Row
    """The rows that came in `during` the week, and in the week `before`."""
    sources: Sequence[Row]
    """By source, the largest first."""
    given: Row
    """How often the scores agree with the labels and ratings that the sources gave."""
    moved: Sequence[MovedMovie]
    """The movies whose mean rating changed most."""
    drifted: Sequence[Row]
    """The measures that drifted, by source."""
    wrong: Sequence[Row]
    """Reviews on which the model disagrees with their writers, that of which it was surest first."""


def read_week(ask: Ask, week: Week) -> WeekFacts:
    """Read what the page of a week shows.

    Creates temporary tables, so it can be called only once for a connection. Raises `WarehouseError` if an older
    version of this program made the published copy.
    """
    require_present_tables(ask)
    between = {"start": week.start, "end": week.end}
    ask(_MAKE_WEEK_FILES, between)
    ask(_MAKE_WEEK_SCORES, {"end": week.end})
    ask(MAKE_COUNTED)
    return WeekFacts(
        week=week,
        totals=ask(_COUNT, between)[0],
        rows=ask(_COUNT_ROWS, {"first": week.first_day})[0],
        sources=ask(DESCRIBE_SOURCES),
        given=ask(COMPARE_ALL)[0],
        moved=find_moved(ask, week.start, week.end),
        drifted=ask(_LIST_DRIFTED, between),
        wrong=ask(_PICK_WRONG, {"limit": WRONG_SHOWN, "characters": TEXT_CHARACTERS}),
    )
