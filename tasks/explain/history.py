"""Finds all rows of a review in the published copy, with what decided which of them `latest_scores` shows; shows them.

The terminal gets a table, programs JSON.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from data_contracts.errors import UsageError
from tasks.explain.finding_text import describe_missing, read_as_row_name, require_unicode_text
from tasks.explain.terminal import open_console
from tasks.pages.formatting import NO_VALUE, cut_name
from tasks.queries.answer_formats import to_json
from tasks.queries.run_query import fetch_answer
from tasks.support.wording import count, format_json
from tasks.warehouse.latest_scores import ARRIVAL, DATED_AT, IS_OUTDATED, REVIEW
from tasks.warehouse.published import open_published
from tasks.warehouse.row_names import CONTENT, COUNTS, HAS_PARSED_NAME, ROW_NAME, SUPERSEDED

if TYPE_CHECKING:
    from rich.table import Table

Row = Mapping[str, Any]

# Two steps, so that of the whole history only the keys are read.
_FIND_REVIEWS = f"""
CREATE OR REPLACE TEMP TABLE named_reviews AS SELECT DISTINCT review_key FROM source_reviews
WHERE review_id = $name OR {HAS_PARSED_NAME}
"""  # noqa: S608 (our own names)
_LIST_ROWS = f"""
WITH found AS (FROM source_reviews SEMI JOIN named_reviews USING (review_key)),
judged AS (
    SELECT *, {IS_OUTDATED} AS is_outdated, false AS is_superseded
    FROM found ANTI JOIN {SUPERSEDED} AS superseded USING (source_sha256)
    UNION ALL SELECT *, false, true FROM found SEMI JOIN {SUPERSEDED} AS superseded USING (source_sha256)
),
rows AS (
    SELECT
        *, dense_rank() OVER (ORDER BY movie_id, {REVIEW}) AS review,
        review_id = $name OR {HAS_PARSED_NAME} AS is_named
    FROM judged
),
of_reviews AS (
    SELECT
        review, count(*) AS all_rows, count(*) FILTER (NOT is_superseded) AS counting,
        count(*) FILTER (is_outdated) AS outdated
    FROM rows GROUP BY review HAVING bool_or(is_named)
),
profiles AS (
    SELECT source_sha256, arg_min(struct_pack(version := profile_version), commit_number).version AS profile_version
    FROM scored_files SEMI JOIN rows USING (source_sha256) WHERE status = 'scored' GROUP BY source_sha256
),
given_scores AS (
    SELECT
        source_sha256, row_number, list({{
            'model_id': scored.model_id, 'score': score, 'sentiment': sentiment, 'predicted_rating': predicted_rating,
            'scored_at': scored_at, 'counts': scored.model_id IS NOT DISTINCT FROM best_model_id
        }} ORDER BY scored_at, scored.model_id) AS scores
    FROM scored_reviews AS scored
    JOIN (SELECT source_sha256, row_number, best_model_id FROM rows) USING (source_sha256, row_number)
    GROUP BY source_sha256, row_number
)
SELECT
    review, review_id, movie_id, {ROW_NAME} AS row, file_uri AS uri, file_source AS source, profile_version,
    file_seen_at AS arrived_at, replace(({DATED_AT})::VARCHAR, ' ', 'T') || ':00' AS reviewed_at, given_rating,
    given_label, coalesce(scores, []) AS scores, is_latest AND best_model_id IS NOT NULL AS counts,
    CASE
        WHEN is_superseded AND {CONTENT} NOT IN (
            SELECT {CONTENT} FROM scored_files WHERE status = 'scored' AND superseded_at IS NULL
        ) THEN 'export'
        WHEN is_superseded THEN 'reading'
        WHEN NOT is_latest AND is_outdated THEN 'date'
        WHEN NOT is_latest THEN 'arrival'
        WHEN best_model_id IS NULL AND ({COUNTS}) THEN 'score'
        WHEN best_model_id IS NULL THEN 'language'
        WHEN all_rows = 1 THEN 'only_row'
        WHEN counting = 1 THEN 'only_reading'
        WHEN outdated = 0 THEN 'arrival'
        WHEN outdated = counting - 1 THEN 'date'
        ELSE 'date, arrival'
    END AS decided_by
FROM rows JOIN of_reviews USING (review) LEFT JOIN profiles USING (source_sha256)
LEFT JOIN given_scores USING (source_sha256, row_number)
ORDER BY review, {ARRIVAL}
"""  # noqa: S608 (our own names)

DECISIONS = {
    (True, "only_row"): "it is the only row",
    (True, "only_reading"): "the other rows are of readings that no longer count",
    (True, "date"): "its date is the latest",
    (True, "arrival"): "it arrived last",
    (True, "date, arrival"): "it arrived last, rows of an older date set aside",
    (False, "date"): "another row has a later date",
    (False, "arrival"): "another row arrived later",
    (False, "reading"): "its file was read again by another profile",
    (False, "export"): "a later file of its source took the place of its file",
    (False, "language"): "it is the newest, but not in English, and its source does not accept that",
    (False, "score"): "it is the newest, but no promoted model has scored it",
}
"""Whether `latest_scores` shows a row and what decided it (docs/feeding.md), in words."""
RULE = (
    "Of the rows with a date only those with the latest date can count; of these and the rows without a date the one "
    "that arrived last does."
)


def find_history(published: Path, name: str) -> list[Row]:
    """Return the reviews with this review_id, one per movie, or that of the row with this name, each with its `rows`.

    Rows are in the order in which they arrived, each with its `scores`, the first given first. Raises `UsageError` if
    there is none.
    """
    require_unicode_text(name)
    prefix, number = read_as_row_name(name)
    parameters = {"name": name, "prefix": prefix, "number": number}
    with open_published(published) as connection:
        fetch_answer(connection, _FIND_REVIEWS, parameters)
        found = fetch_answer(connection, _LIST_ROWS, parameters)
        if not found:
            raise UsageError(describe_missing(connection, name))
    of_review = ("review", "review_id", "movie_id")
    return [
        {
            "review_id": review_id,
            "movie_id": movie_id,
            "rows": [{key: value for key, value in row.items() if key not in of_review} for row in rows],
        }
        for (_, review_id, movie_id), rows in groupby(found, lambda row: tuple(row[key] for key in of_review))
    ]


def write_history(reviews: Sequence[Row], out: TextIO) -> None:
    """Print a table of rows for each review, in the order in which they arrived."""
    from rich.text import Text

    console = open_console(out)
    for review in reviews:
        review_id, movie_id, rows = review["review_id"], review["movie_id"], review["rows"]
        named = "A review without an id" if review_id is None else f"Review {cut_name(review_id)}"
        movie = "" if movie_id is None else f" of movie {cut_name(movie_id)}"
        order = " in the order of arrival" if len(rows) > 1 else ""
        console.print(Text(f"{named}{movie}: {count(len(rows), 'row')}{order}"))
        console.print(_draw_rows(rows))
    console.print(Text(RULE))


def write_history_as_json(reviews: Sequence[Row], out: TextIO) -> None:
    """Write one JSON object with all reviews and their rows."""
    out.write(f"{format_json({'reviews': to_json(reviews)})}\n")


def _draw_rows(rows: Sequence[Row]) -> "Table":
    """Draw the table of a review's rows."""
    from rich import box
    from rich.table import Column, Table
    from rich.text import Text

    names = ("row", "given", "scores", "in latest_scores")
    table = Table(*(Column(name, overflow="fold") for name in names), box=box.SQUARE, show_lines=True)
    for row in rows:
        date = (row["reviewed_at"] or NO_VALUE).removesuffix("+00:00").removesuffix("T00:00:00")
        profile = [f"profile {row['profile_version']}"] if row["profile_version"] else []
        cells = (
            [
                row["row"],
                cut_name(row["uri"]),
                f"source {cut_name(row['source'])}",
                *profile,
                f"arrived {row['arrived_at']:%Y-%m-%d %H:%M:%S}",
            ],
            [
                f"date {date.replace('T', ' ')}",
                f"rating {NO_VALUE if row['given_rating'] is None else format(row['given_rating'], 'g')}",
                f"label {row['given_label'] or NO_VALUE}",
            ],
            [
                f"{each['score']:.4f} {each['sentiment']}\n{each['predicted_rating']:.1f} stars"
                f"{'; counts' if each['counts'] else ''}\n{each['model_id']}"
                for each in row["scores"]
            ],
            [f"{'yes' if row['counts'] else 'no'}: {DECISIONS[row['counts'], row['decided_by']]}"],
        )
        table.add_row(*(Text("\n".join(cell)) for cell in cells), style="bold" if row["counts"] else None)
    return table
