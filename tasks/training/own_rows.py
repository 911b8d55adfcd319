"""Reads the reviews of each source that have a label or a rating, splits them into training and test, and others too.

They came with it, or somebody labelled them later. A row counts if it is the newest of its review, is not known to be
in another language, and its text is in no split of the archive; of near-copies in a source only the first that came
counts, and of each file as many labels as `label_files` says. Forgotten rows are no longer in the database. Nothing is
written. The others are the source's newest reviews without a label.

Of the reviews that somebody labelled later, those drawn at random are held out. The others were chosen because the
champion is uncertain of them: they are only learnt from, since on them any other model would seem better than it.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import groupby
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts.errors import SourceError
from data_contracts.sources.near_copies import mark_first
from data_contracts.storage.home import Home
from tasks.archive.parquet_files import read_split
from tasks.training.labels_of_files import FileLabels, judge_files
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.latest_scores import ALL_FILES
from tasks.warehouse.tallies.score_sums import GIVEN_SENTIMENT

FEWEST_LABELS = 20
"""A source with fewer labelled texts is left out."""
MOST_LABELS = 20_000
"""Of a source with more labelled texts, only so many of the newest count."""
MOST_OTHERS = 5_000
"""Reviews of a source without a label that are learnt from, the newest."""
TEST_SHARE = 0.2
"""Least share of a source's texts that are held out: those of its newest weeks."""
LARGEST_TEST_SHARE = 0.5
"""Where the newest weeks have a larger share, a share of the titles is held out instead."""
_TITLE_PARTS = round(1 / TEST_SHARE)
# A date that can't be is ignored, as in movie_ratings.
_LABELLED = f"""
-- A review that came again has its label from the file that first gave the same one.
said AS (
    SELECT
        review_key, {GIVEN_SENTIMENT} AS label, min(file_commit_number) AS first_number,
        arg_min(source_sha256, row(file_commit_number, file_uri, source_sha256)) AS first_sha256
    FROM source_reviews WHERE NOT is_latest AND {GIVEN_SENTIMENT} IS NOT NULL GROUP BY ALL
),
labelled AS (
    SELECT
        coalesce(file_source, 'default') AS source, text_sha256,
        coalesce(near_key::VARCHAR, text_sha256) AS copy_of,
        coalesce(movie_id, text_sha256) AS title, source_sha256, row_number,
        coalesce({GIVEN_SENTIMENT}, later_label) AS label,
        {GIVEN_SENTIMENT} IS NOT NULL AS is_given, coalesce(is_random, false) AS is_random,
        least(file_commit_number, first_number) AS came_in,
        CASE WHEN first_number < file_commit_number THEN first_sha256 ELSE source_sha256 END AS file_sha256,
        best_sentiment,
        CASE
            WHEN reviewed_at >= '1888-01-01' AND reviewed_at <= file_seen_at + INTERVAL 1 DAY THEN reviewed_at
            ELSE file_seen_at
        END AS dated_at
    FROM source_reviews LEFT JOIN (
        SELECT text_sha256, is_random, {GIVEN_SENTIMENT} AS later_label FROM review_labels
    ) USING (text_sha256)
    LEFT JOIN said ON said.review_key = source_reviews.review_key AND said.label = {GIVEN_SENTIMENT}
    WHERE is_latest AND in_english IS DISTINCT FROM false
)
"""  # noqa: S608 (our own words)
_STORE = f"""
CREATE TEMP TABLE own_labels AS WITH {_LABELLED}
FROM labelled WHERE label IS NOT NULL AND text_sha256 NOT IN (SELECT unnest($known::VARCHAR[]))
QUALIFY row_number() OVER (
    PARTITION BY source, copy_of ORDER BY NOT is_given, came_in, source_sha256, row_number
) = 1
"""
_LIST_FILES = f"""
SELECT source, source_sha256, uri, count(*), count(*) FILTER (label <> best_sentiment)
FROM (SELECT * RENAME (source_sha256 AS row_sha256, file_sha256 AS source_sha256) FROM own_labels WHERE is_given)
JOIN (SELECT source_sha256, uri FROM ({ALL_FILES})) AS files USING (source_sha256)
GROUP BY ALL ORDER BY source, min(came_in), uri, source_sha256
"""  # noqa: S608 (likewise)
# Labels that somebody gave later are of no file.
_READ = """
WITH bounds AS (
    SELECT unnest($files::STRUCT(source VARCHAR, file_sha256 VARCHAR, most BIGINT)[], recursive := true)
),
bounded AS (
    SELECT own_labels.* FROM own_labels LEFT JOIN bounds USING (source, file_sha256)
    QUALIFY NOT is_given OR row_number() OVER (
        PARTITION BY source, file_sha256, is_given ORDER BY dated_at DESC, source_sha256, row_number
    ) <= most
),
newest AS (
    FROM bounded
    QUALIFY row_number() OVER (PARTITION BY source ORDER BY dated_at DESC, source_sha256, row_number) <= $most
)
SELECT newest.*, text FROM newest JOIN source_reviews USING (source_sha256, row_number)
ORDER BY source, dated_at DESC, source_sha256, row_number
"""
_READ_OTHERS = f"""
WITH newest AS (
    SELECT source_sha256, row_number FROM source_reviews
    WHERE coalesce(file_source, 'default') = $source AND is_latest AND in_english IS DISTINCT FROM false
        AND {GIVEN_SENTIMENT} IS NULL
    ORDER BY file_commit_number DESC, source_sha256, row_number LIMIT $most
)
SELECT first(text ORDER BY source_sha256, row_number)
FROM newest JOIN source_reviews USING (source_sha256, row_number)
WHERE text_sha256 NOT IN (SELECT unnest($known::VARCHAR[]))
GROUP BY text_sha256 ORDER BY text_sha256
"""  # noqa: S608 (our own words)


_COUNT_KNOWN = f"""
WITH {_LABELLED}
SELECT source, count(DISTINCT text_sha256) FROM labelled
WHERE label IS NOT NULL AND text_sha256 IN (SELECT unnest($known::VARCHAR[]))
GROUP BY source ORDER BY source
"""  # noqa: S608 (likewise)


@dataclass(frozen=True)
class OwnTexts:
    """Labelled texts of sources, [n] each."""

    texts: list[str]
    sources: list[str]
    titles: list[str]
    """The movie of each; a text without one is a title of its own."""
    positive: NDArray[np.bool_]


@dataclass(frozen=True)
class OwnRows:
    """The labelled texts of one source, split: no text is on both sides, and no title where there are enough."""

    source: str
    train: OwnTexts
    test: OwnTexts
    shares_titles: bool
    """Whether titles are on both sides, since too few rows were left without them."""
    others: Sequence[str] = ()
    """Its texts without a label, none of which is one with a label."""
    left_out: int = 0
    """Labelled texts on neither side: of titles of which another one is held out."""
    files: Sequence[FileLabels] = ()
    """The files of which not all labels count, since they turn what others said or are too many."""

    @property
    def labels(self) -> int:
        """Return the number of its labelled texts."""
        return len(self.train.texts) + len(self.test.texts) + self.left_out


def read_own_rows(home: Home, fewest: int = FEWEST_LABELS, *, with_others: bool = True) -> list[OwnRows]:
    """Return the labelled rows of each source with at least so many, by name; those to learn from with its others.

    A contest needs no others, and they cost a query a source.
    """
    known = _list_archive_texts(home)
    with open_warehouse(home.warehouse, write=False) as connection:
        connection.execute(_STORE, {"known": known})
        found = [FileLabels(*row) for row in connection.execute(_LIST_FILES).fetchall()]
        files = [each for _, some in groupby(found, lambda file: file.source) for each in judge_files(some)]
        bounds = [
            {"source": file.source, "file_sha256": file.source_sha256, "most": file.most} for file in files
        ]
        labelled = connection.execute(_READ, {"files": bounds, "most": MOST_LABELS})
        names = [column[0] for column in labelled.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in labelled.fetchall()]
        listed = ((source, _drop_copies([*of])) for source, of in groupby(rows, lambda row: row["source"]))
        split = [
            replace(
                _split(source, of_source),
                files=[each for each in files if each.source == source and each.most < each.labels],
            )
            for source, of_source in listed
            if len(of_source) >= fewest
        ]
        known += [row["text_sha256"] for row in rows]
        return [
            replace(each, others=_read_others(connection, each.source, known))
            if with_others and each.labels >= FEWEST_LABELS
            else each
            for each in split
        ]


def _drop_copies(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of a source without near-copies, which are looked for more widely than by their keys."""
    came = sorted(
        range(len(rows)), key=lambda place: (not rows[place]["is_given"], rows[place]["came_in"], place)
    )
    first = mark_first(pa.array([rows[place]["text"] for place in came]))
    kept = {place for place, is_first in zip(came, first.tolist(), strict=True) if is_first}
    return [row for place, row in enumerate(rows) if place in kept]


def count_archive_labels(home: Home) -> dict[str, int]:
    """Return by source how many of its labelled texts the archive has, and so are not learnt from as its own."""
    with open_warehouse(home.warehouse, write=False) as connection:
        rows = connection.execute(_COUNT_KNOWN, {"known": _list_archive_texts(home)}).fetchall()
    return dict(rows)


def _read_others(connection: duckdb.DuckDBPyConnection, source: str, known: Sequence[str]) -> list[str]:
    """Return texts of a source without a label, whose sha256 is not in `known`."""
    values = {"source": source, "known": known, "most": MOST_OTHERS}
    texts = [text for [text] in connection.execute(_READ_OTHERS, values).fetchall()]
    return [text for text, is_first in zip(texts, mark_first(pa.array(texts)), strict=True) if is_first]


def join_tests(rows: Collection[OwnRows]) -> OwnTexts | None:
    """Return the held-out texts of all sources; None if there are none."""
    tests = [each.test for each in rows if each.test.texts]
    if not tests:
        return None
    return OwnTexts(
        [text for test in tests for text in test.texts],
        [source for test in tests for source in test.sources],
        [
            f"{source} {title}"
            for test in tests
            for source, title in zip(test.sources, test.titles, strict=True)
        ],
        np.concatenate([test.positive for test in tests]),
    )


def find_archive_texts(home: Home) -> list[str]:
    """Return the sha256 of each text of the archive; none where it is not there, or damaged: a training says so."""
    with suppress(SourceError):
        return _list_archive_texts(home)
    return []


def _list_archive_texts(home: Home) -> list[str]:
    """Return the sha256 of each text of the archive, from which models have learnt or on which they are measured."""
    splits = (read_split(home.reviews, split, ["text_sha256"]) for split in ("train", "test", "unsup"))
    return [digest for table in splits for digest in table["text_sha256"].to_pylist()]


def _split(source: str, rows: list[dict[str, Any]]) -> OwnRows:
    """Split the rows of a source, the newest first."""
    titles = [row["title"] for row in rows]
    test = _mark_held_out(rows)
    held_out = {title for title, is_test in zip(titles, test, strict=True) if is_test}
    apart = ~test & np.array([title not in held_out for title in titles])
    shares_titles = bool(2 * apart.sum() < (~test).sum())
    train = ~test if shares_titles else apart
    left_out = int((~train & ~test).sum())
    return OwnRows(source, _pick(rows, train), _pick(rows, test), shares_titles, left_out=left_out)


def _mark_held_out(rows: list[dict[str, Any]]) -> NDArray[np.bool_]:
    """Return a mask [n] of the rows to hold out; of those that somebody labelled later, only such drawn at random."""
    is_given = np.array([row["is_given"] for row in rows], bool)
    is_random = ~is_given & np.array([row["is_random"] for row in rows], bool)
    test: NDArray[np.bool_] = is_random.copy()
    if is_given.any():
        test[is_given] = _mark_test([row for row in rows if row["is_given"]])
    if test.mean() > LARGEST_TEST_SHARE:  # little else would be left to learn from
        may_test = is_given | is_random
        test[:] = False
        test[may_test] = _mark_test([row for row, is_in in zip(rows, may_test, strict=True) if is_in])
    return test


def _mark_test(rows: list[dict[str, Any]]) -> NDArray[np.bool_]:
    """Return a mask [n] of the rows to hold out: those of the newest weeks, of some titles, or some texts."""
    titles = [row["title"] for row in rows]
    test = mark_newest_weeks(np.array([row["dated_at"].toordinal() // 7 for row in rows]))
    if test is None:
        test = mark_some_titles(titles)
    if not TEST_SHARE / 2 <= test.mean() <= LARGEST_TEST_SHARE:
        # Of a few titles none or all may be in it by chance.
        test = mark_some_titles([row["text_sha256"] for row in rows])
    return test


def mark_newest_weeks(week: NDArray[np.int64]) -> NDArray[np.bool_] | None:
    """Return a mask [n] of the rows in the fewest newest weeks with `TEST_SHARE` of them.

    None where these are more than `LARGEST_TEST_SHARE`, such as where all rows are of one week.
    """
    weeks, counts = np.unique(week, return_counts=True)
    enough = int(np.argmax(np.cumsum(counts[::-1]) >= TEST_SHARE * len(week)))
    newest: NDArray[np.bool_] = week >= weeks[::-1][enough]
    return newest if newest.mean() <= LARGEST_TEST_SHARE else None


def mark_some_titles(titles: list[str]) -> NDArray[np.bool_]:
    """Return a mask [n] of the rows of about `TEST_SHARE` of the titles, which stay the same whatever else comes."""
    digests = (int.from_bytes(sha256(title.encode()).digest()[:4]) for title in titles)
    return np.fromiter((digest % _TITLE_PARTS == 0 for digest in digests), bool, len(titles))


def _pick(rows: list[dict[str, Any]], mask: NDArray[np.bool_]) -> OwnTexts:
    """Return the marked rows."""
    kept = [row for row, is_in in zip(rows, mask, strict=True) if is_in]
    return OwnTexts(
        [row["text"] for row in kept],
        [row["source"] for row in kept],
        [row["title"] for row in kept],
        np.array([row["label"] == "positive" for row in kept], bool),
    )
