"""Reads the facts for the report of a scoring run from the published copy. Texts are shortened, numbers unformatted."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from data_contracts.errors import BundleError
from data_contracts.rules_and_limits import TEXT_NOT_GIVEN
from models.bundle.reading_facts import read_facts
from tasks.queries.run_query import Ask
from tasks.report.moved_movies import MovedMovie, find_moved
from tasks.report.present_tables import require_present_tables
from tasks.report.run_choice import LoggedRun, Row, sum_up_checks
from tasks.warehouse.row_names import COUNTS, SUPERSEDED
from tasks.warehouse.shadow.comparison import RECENT_ROWS, compare_recent
from tasks.warehouse.tallies.score_sums import CAN_JUDGE, GIVEN_SENTIMENT

FILES_SHOWN = 100
REVIEWS_SHOWN = 5
"""Reviews in each of the lists: most positive, most negative and least certain."""
TEXT_CHARACTERS = 2000
"""Most characters of a review's text in a report."""
SCORE_BINS = 20
LENGTHS_FROM = (0, 50, 100, 150, 200, 300, 400, 600, 1000)
"""The lowest number of words in each bin of lengths; all are multiples of the second."""

# The run's own files, and leftover files that an earlier run scored and this one committed.
_MAKE_RUN_FILES = """
CREATE TEMP TABLE run_files AS
SELECT files.*, files.status = 'scored' AND EXISTS (
    SELECT 1 FROM scored_files AS older
    WHERE older.source_sha256 = files.source_sha256 AND older.model_id <> files.model_id
    AND older.status = 'scored' AND older.committed_at < files.committed_at
) AS is_rescored
FROM scored_files AS files LEFT JOIN runs AS scorer USING (run_id)
WHERE files.run_id = $run_id
OR (files.committed_at BETWEEN $started_at AND $ended_at
    AND (scorer.ended_at IS NULL OR scorer.ended_at < files.committed_at))
"""
# A table, so that the history is read once: of the scores the row groups of the run, of the reviews a few columns. What
# does not count is in no figure but the numbers of reviews. What a model may have learnt from does not judge it, and of
# near-copies in a source only the one that it scored first does, in whichever run, as in live_accuracy.
MAKE_SCORES = f"""
CREATE TEMP TABLE run_rows AS
WITH scores AS (
    SELECT * FROM scored_reviews SEMI JOIN (FROM run_files WHERE status = 'scored')
    USING {{which}}
),
found AS (
    SELECT
        scores.*, review.rowid AS position, review_id, movie_id, given_label, given_rating, text_sha256,
        {COUNTS} AS counts, {CAN_JUDGE} AS can_judge, file_source,
        row(scored_at, source_sha256, row_number) AS place,
        CASE WHEN {COUNTS} AND can_judge AND (given_label IS NOT NULL OR given_rating IS NOT NULL)
        THEN near_key END AS labelled_key
    FROM scores LEFT JOIN source_reviews AS review USING (source_sha256, row_number) LEFT JOIN models USING (model_id)
),
firsts AS (
    SELECT near_key, file_source, model_id, min(place) AS first_place FROM (
        SELECT labelled_key AS near_key, file_source, model_id, place FROM found
        UNION ALL
        SELECT near_key, file_source, best_model_id, row(best_scored_at, source_sha256, row_number)
        FROM source_reviews LEFT JOIN models ON model_id = best_model_id
        ANTI JOIN {SUPERSEDED} AS superseded USING (source_sha256)
        WHERE (given_label IS NOT NULL OR given_rating IS NOT NULL) AND {CAN_JUDGE}
            AND near_key IN (FROM near_copies) AND near_key IN (SELECT labelled_key FROM found)
    ) GROUP BY ALL
)
SELECT found.* EXCLUDE (file_source, place, labelled_key), coalesce(place > first_place, false) AS is_copy
FROM found LEFT JOIN firsts
    ON labelled_key = firsts.near_key AND found.file_source IS NOT DISTINCT FROM firsts.file_source
    AND found.model_id = firsts.model_id
"""  # noqa: S608 (our own words)
MAKE_COUNTED = "CREATE TEMP VIEW run_scores AS FROM run_rows WHERE counts"
_MAKE_RUN_SCORES = MAKE_SCORES.format(which="(source_sha256, model_id, run_id)")
# The rows that the run quarantined, and those still in quarantine when the run scored their files again.
_MAKE_RUN_BAD_ROWS = """
CREATE TEMP VIEW run_bad_rows AS
SELECT * FROM quarantined_rows AS bad WHERE EXISTS (
    SELECT 1 FROM run_files AS files
    WHERE files.source_sha256 = bad.source_sha256 AND files.status = 'scored' AND (
        files.run_id = bad.run_id
        OR files.is_rescored AND (bad.released_at IS NULL OR bad.released_at > files.committed_at)
    )
)
"""
_COUNT_FILES = f"""
SELECT
    count(*) AS files, count(*) FILTER (status = 'refused') AS files_refused,
    count(*) FILTER (is_rescored) AS files_rescored,
    coalesce(sum(rows_read) FILTER (is_rescored), 0)::BIGINT AS rows_read_again,
    coalesce(sum(rows_read) FILTER (status = 'scored'), 0)::BIGINT AS rows_read,
    (SELECT count(*) FROM run_bad_rows) AS rows_quarantined,
    (SELECT count(*) FROM run_bad_rows WHERE rule = '{TEXT_NOT_GIVEN}') AS rows_without_text
FROM run_files
"""  # noqa: S608 (our own rule)
_LIST_FILES = """
WITH bad AS (SELECT source_sha256, count(*) AS rows FROM run_bad_rows GROUP BY ALL)
SELECT
    uri, format, bytes, rows_read, coalesce(bad.rows, 0) AS rows_quarantined, status, is_rescored, model_id
FROM run_files LEFT JOIN bad USING (source_sha256)
ORDER BY status, uri LIMIT $limit
"""
_LIST_SHEETS = """
SELECT uri FROM label_files WHERE taken_at BETWEEN $started_at AND $ended_at ORDER BY uri LIMIT $limit
"""
_LIST_REFUSED = """
SELECT uri, rule, detail, rows_read FROM run_files WHERE status = 'refused' ORDER BY uri LIMIT $limit
"""
_DESCRIBE_MODELS = """
SELECT
    model_id, count(*) AS reviews, count(*) FILTER (counts) AS counted,
    avg((sentiment = 'positive')::INTEGER) FILTER (counts) AS share_positive,
    avg(score) FILTER (counts) AS mean_score, avg(predicted_rating) FILTER (counts) AS mean_predicted_rating,
    avg(truncated::INTEGER) FILTER (counts) AS share_truncated, avg(oov_rate) FILTER (counts) AS mean_oov_rate
FROM run_rows GROUP BY model_id ORDER BY reviews DESC, model_id
"""
_COMPARE_WITH_GIVEN = f"""
SELECT
    {{columns}} count({GIVEN_SENTIMENT}) FILTER (counts AND can_judge AND NOT is_copy) AS labelled,
    avg(({GIVEN_SENTIMENT} = sentiment)::INTEGER) FILTER (counts AND can_judge AND NOT is_copy) AS share_agreeing,
    count(given_rating) FILTER (counts AND can_judge AND NOT is_copy) AS rated,
    avg(abs(predicted_rating - given_rating)) FILTER (counts AND can_judge AND NOT is_copy) AS rating_mae,
    count({GIVEN_SENTIMENT}) FILTER (counts AND NOT can_judge) AS learnt
FROM run_rows {{rows}}
"""  # noqa: S608 (our own words)
COMPARE_ALL = _COMPARE_WITH_GIVEN.format(columns="", rows="")
DESCRIBE_SOURCES = _COMPARE_WITH_GIVEN.format(
    columns="source, count(*) AS reviews, count(*) FILTER (NOT counts) AS not_counted, "
    "avg((sentiment = 'positive')::INTEGER) FILTER (counts) AS share_positive,",
    rows="GROUP BY source ORDER BY reviews DESC, source",
)
_COUNT_SCORES = """
SELECT least(floor(score * $bins), $bins - 1)::INTEGER AS bin, count(*) AS reviews FROM run_scores GROUP BY bin
"""
_COUNT_RATINGS = """
SELECT stars, sum(predicted)::BIGINT AS predicted, sum(given)::BIGINT AS given FROM (
    SELECT round(predicted_rating)::INTEGER AS stars, 1 AS predicted, 0 AS given FROM run_scores
    UNION ALL
    SELECT round(given_rating)::INTEGER, 0, 1 FROM run_scores WHERE given_rating IS NOT NULL
) GROUP BY stars
"""
_COUNT_LENGTHS = """
SELECT least(token_count, $longest) // $step * $step AS words, count(*) AS reviews FROM run_scores GROUP BY words
"""
_COUNT_QUARANTINED = """
SELECT
    rule, count(*) AS rows, count(released_at) AS released, count(DISTINCT source_sha256) AS files,
    rows > released AS is_open,
    count(raw) FILTER (released_at IS NULL AND raw_is_text) AS releasable,
    max(coalesce(length(TRY(decode(raw))), octet_length(raw))) FILTER (released_at IS NULL AND raw_is_text)
        AS longest
FROM run_bad_rows GROUP BY rule ORDER BY rows DESC, rule
"""
_LIST_MODELS = "SELECT DISTINCT model_id FROM run_files"
_LIST_SCORERS = "SELECT DISTINCT run_id FROM run_files WHERE run_id IS NOT NULL ORDER BY run_id"
# Drift that the check of the reported run found and yet passed is that of sources whose profiles accept it.
_READ_DRIFT = """
SELECT drift.*, drifted AND EXISTS (
    FROM contract_results AS checks
    WHERE checks.run_id = $reported AND boundary = 'drift' AND success AND checks.columns = drift.measure
    AND checks.source IS NOT DISTINCT FROM drift.source
) AS is_accepted
FROM drift WHERE drift.run_id = $run_id
ORDER BY model_id, source NULLS FIRST, array_position(['score', 'token_count', 'oov_rate', 'truncated'], measure)
"""
_PICK_REVIEWS = """
WITH chosen AS (
    SELECT * FROM run_scores WHERE position IS NOT NULL
    ORDER BY {order}, source_sha256, row_number LIMIT $limit
)
SELECT
    left(chosen.source_sha256, 12) || ':' || chosen.row_number AS row_name, uri, chosen.review_id, chosen.movie_id,
    score, sentiment, predicted_rating, chosen.given_rating, token_count,
    left(review.text, $characters) AS text, length(review.text) AS characters, chosen.text_sha256
FROM chosen JOIN source_reviews AS review ON review.rowid = chosen.position
JOIN run_files ON run_files.source_sha256 = chosen.source_sha256 AND run_files.model_id = chosen.model_id
ORDER BY {order}, chosen.source_sha256, chosen.row_number
"""
_ORDERS = {
    "most positive": "score DESC",
    "most negative": "score",
    "least certain": "abs(score - 0.5)",
}
_LIST_DELIVERIES = """
SELECT source, rule, observed, expected FROM contract_results
WHERE run_id = $run_id AND boundary = 'deliveries' AND NOT success ORDER BY source, rule
"""
_READ_MODELS = """
SELECT
    model_id, variant, seed, dataset, data_fingerprint, code_fingerprint, bundle_fingerprint, train_rows,
    test_accuracy, baseline_test_accuracy, trained_at
FROM models WHERE model_id IN (SELECT model_id FROM run_files) ORDER BY model_id
"""

# The newest decision that promoted the model, up to a moment.
_LIST_FORCED = """
SELECT model_id, string_agg(name, ', ' ORDER BY name) AS rules
FROM gate_checks AS kept
WHERE NOT passed AND model_id IN (SELECT model_id FROM run_files) AND decision = (
    SELECT max(decision) FROM gate_checks AS promoting
    WHERE promoting.model_id = kept.model_id AND promoting.promoted AND promoting."at" <= $moment
) GROUP BY model_id ORDER BY model_id
"""

# The shadow of the time of the run.
_FIND_SHADOW = """
SELECT model_id FROM shadows
WHERE started_at <= $ended_at AND least(coalesce(ended_at, 'infinity'), coalesce(until, 'infinity')) >= $started_at
ORDER BY number DESC LIMIT 1
"""
# Of the champion at the end of the run, as it stands now.
_READ_PROMISE = """
SELECT * FROM promises
WHERE number = (SELECT max(number) FROM promotions WHERE "at" <= $ended_at) ORDER BY source NULLS FIRST
"""
_READ_DUE = """
SELECT what AS words, first_seen AS due_at, regexp_extract(subject, '[(](.*)[)]$', 1) AS reason FROM findings
WHERE kind = 'training_due' AND first_seen <= $ended_at
    AND starts_with(subject, (SELECT arg_max(model_id, number) FROM promotions WHERE "at" <= $ended_at) || ' (')
    AND first_seen > coalesce((
        SELECT max(started_at) FROM runs
        WHERE flow = 'train-model' AND status = 'completed' AND parameters->>'with_own' = 'true'
            AND started_at <= $ended_at
    ), '-infinity')
ORDER BY due_at, reason
"""


@dataclass(frozen=True)
class ScoringFacts:
    """Everything that the report of a scoring run shows. A `Row` maps columns to values."""

    run: LoggedRun
    totals: Row
    """files, files_refused, rows_read and rows_quarantined; of these, files_rescored, rows_read_again and, quarantined,
    rows_without_text: ratings and labels alone."""
    files: Sequence[Row]
    """At most `FILES_SHOWN` files, refused ones first."""
    refused: Sequence[Row]
    models: Sequence[Row]
    """The number of the scores of each model in this run, and the number and means of those that count."""
    sources: Sequence[Row]
    """By source: its reviews in this run, those that do not count, and the agreement as in `given`."""
    deliveries: Sequence[Row]
    """The sources that were late at the end of this run, or had sent unusually few or many rows, with the rule."""
    given: Row
    """The agreement of the scores with the labels and ratings given by the sources."""
    scores: tuple[int, ...]
    """The number of reviews in each of `SCORE_BINS` bins of the score."""
    ratings: Mapping[int, tuple[int, int]]
    """(reviews predicted, reviews given) by whole stars, 1 to 10."""
    lengths: Mapping[int, int]
    """The number of reviews by `LENGTHS_FROM`."""
    quarantined: Sequence[Row]
    """By rule: rows, released, files, releasable (open rows with complete texts), longest (characters of these)."""
    checks: Sequence[Row]
    """By boundary, rule and severity; failed checks first."""
    drift: Sequence[Row]
    """By model and measure; empty if the model has no reference."""
    source_drift: Sequence[Row]
    """By model, source and measure: how far the source's reviews are from those before."""
    reviews: Mapping[str, Sequence[Row]]
    """The reviews shown, by the name of their list."""
    moved: Sequence[MovedMovie]
    """The movies whose mean rating changed most, the largest change first."""
    lineage: Sequence[Row]
    """By model: its training data."""
    forced: Sequence[Row]
    """For each model that scores although the gate refused it: the rules that it broke, in one text."""
    sheets: Sequence[Row] = ()
    """At most `FILES_SHOWN` files of labels that the run took in, and no later one again."""
    promise: Sequence[Row] = ()
    """Rows of `promises` of the champion: over all sources, then by source if there are several."""
    due: Sequence[Row] = ()
    """Why a training was due at the end of the run: words, due_at and reason."""
    shadow: Sequence[Row] = ()
    """How the shadow does beside the models of this run, in all and by source, on its newest scores: `RECENT_ROWS`."""
    shadow_rows: int = RECENT_ROWS

    @property
    def only_rescored(self) -> bool:
        """Whether the run scored only files that another model had scored before."""
        return bool(0 < self.totals["files"] == self.totals["files_rescored"])

    @property
    def reviews_scored(self) -> int:
        """The number of scores of this run."""
        return sum(row["reviews"] for row in self.models)

    @property
    def not_counted(self) -> int:
        """The number of scores of this run that do not count, since their texts are not in English."""
        return sum(row["reviews"] - row["counted"] for row in self.models)


def read_scoring_facts(ask: Ask, run: LoggedRun, bundles_dir: Path) -> ScoringFacts:
    """Read everything that the report of a scoring run shows.

    Creates temporary tables and views, so it can be called only once for a connection. Raises `WarehouseError` if an
    older version of this program made the published copy.
    """
    require_present_tables(ask)
    ended_at = run.ended_at or run.started_at
    between = {"started_at": run.started_at, "ended_at": ended_at}
    ask(_MAKE_RUN_FILES, {"run_id": run.run_id, **between})
    for query in (_MAKE_RUN_SCORES, MAKE_COUNTED, _MAKE_RUN_BAD_ROWS):
        ask(query)
    scorers = [row["run_id"] for row in ask(_LIST_SCORERS)]
    [totals], [given] = ask(_COUNT_FILES), ask(COMPARE_ALL)
    drift = _read_drift(ask, scorers, run.run_id)
    scores = {row["bin"]: row["reviews"] for row in ask(_COUNT_SCORES, {"bins": SCORE_BINS})}
    return ScoringFacts(
        run=run,
        totals=totals,
        files=ask(_LIST_FILES, {"limit": FILES_SHOWN}),
        refused=ask(_LIST_REFUSED, {"limit": FILES_SHOWN}),
        models=ask(_DESCRIBE_MODELS),
        sources=ask(DESCRIBE_SOURCES),
        deliveries=ask(_LIST_DELIVERIES, {"run_id": run.run_id}),
        given=given,
        scores=tuple(scores.get(number, 0) for number in range(SCORE_BINS)),
        ratings={row["stars"]: (row["predicted"], row["given"]) for row in ask(_COUNT_RATINGS)},
        lengths=_count_lengths(ask),
        quarantined=ask(_COUNT_QUARANTINED),
        checks=sum_up_checks(ask, [run.run_id, *scorers]),
        drift=[row for row in drift if row["source"] is None],
        source_drift=[row for row in drift if row["source"] is not None],
        reviews={name: _pick_reviews(ask, order) for name, order in _ORDERS.items()},
        moved=find_moved(ask, run.started_at, ended_at),
        lineage=[_add_archive(row, bundles_dir) for row in ask(_READ_MODELS)],
        forced=ask(_LIST_FORCED, {"moment": ended_at}),
        sheets=ask(_LIST_SHEETS, {"limit": FILES_SHOWN, **between}),
        promise=ask(_READ_PROMISE, {"ended_at": ended_at}),
        due=ask(_READ_DUE, {"ended_at": ended_at}),
        shadow=_compare_shadow(ask, between),
    )


def _compare_shadow(ask: Ask, between: Mapping[str, datetime]) -> Sequence[Row]:
    """Return how the shadow of the time of a run does beside the run's models; nothing if there was none."""
    models = [row["model_id"] for row in ask(_LIST_MODELS)]
    return [
        row
        for shadow in ask(_FIND_SHADOW, between)
        for row in compare_recent(ask, shadow["model_id"], models)
    ]


def _read_drift(ask: Ask, run_ids: Sequence[str], reported: str) -> list[Row]:
    """Return the drift of some runs, whose results the run `reported` recorded."""
    # One run at a time: only with a constant run id does DuckDB compute the view for that run alone.
    return [row for run_id in run_ids for row in ask(_READ_DRIFT, {"run_id": run_id, "reported": reported})]


def _count_lengths(ask: Ask) -> dict[int, int]:
    """Return the number of reviews in each bin of lengths, by `LENGTHS_FROM`."""
    counted = dict.fromkeys(LENGTHS_FROM, 0)
    for row in ask(_COUNT_LENGTHS, {"longest": LENGTHS_FROM[-1], "step": LENGTHS_FROM[1]}):
        counted[LENGTHS_FROM[bisect_right(LENGTHS_FROM, row["words"]) - 1]] += row["reviews"]
    return counted


def _pick_reviews(ask: Ask, order: str) -> Sequence[Row]:
    """Return the first `REVIEWS_SHOWN` reviews in an order (SQL), each text once."""
    # Copies of a text have the same score and are next to each other, so more rows are read than shown.
    parameters = {"limit": 5 * REVIEWS_SHOWN, "characters": TEXT_CHARACTERS}
    rows = ask(_PICK_REVIEWS.format(order=order), parameters)
    first = {row["text_sha256"]: row for row in reversed(rows)}
    return [row for row in rows if first[row["text_sha256"]] is row][:REVIEWS_SHOWN]


def _add_archive(model: Row, bundles_dir: Path) -> Row:
    """Return a model's row with the `archive_sha256` of its training data, which is None if its bundle is missing."""
    try:
        provenance = read_facts(bundles_dir / model["model_id"]).get("provenance", {})
    except BundleError:
        provenance = {}
    return {**model, "archive_sha256": provenance.get("source_sha256")}
