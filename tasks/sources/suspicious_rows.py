"""Finds what the rows of newly scored files show together: ids and texts that repeat, and judgements that disagree.

Only the rows of these files are read, so that what it costs follows what is new; and those of movies that they seem to
flood.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import duckdb

from data_contracts.storage.home import Home
from tasks.findings.finding import NOTE, Finding, find_in_files
from tasks.sources.catalogue import Catalogue, load_catalogue
from tasks.support.wording import count, quote_word
from tasks.warehouse.latest_scores import describe_files
from tasks.warehouse.tallies.score_sums import RATED_LABEL

if TYPE_CHECKING:
    from tasks.warehouse.commit import CommittedFile

_OF_NO_SOURCE = "NAME"
"""What stands in commands for the source of a file outside the inbox."""
_FEWEST_REUSED, _MOST_REUSED = 5, 0.8
"""Review ids, and the share of a file's rows, from which on reviews were hardly edited: others have their ids."""
_FEWEST_TURNED = 5
"""Rows with a label and a clear rating from which on they are compared."""
_FEWEST_COPIES = 20
"""Near-copies on one movie in the files of a run from which on its reviews are looked at."""
_MOVIES_LOOKED_AT, _REVIEWS_LOOKED_AT = 20, 20_000
"""Movies with the most near-copies, and newest reviews of each."""
_FEWEST_STARS_MOVED = 0.5
"""Stars by which near-copies must move the mean predicted rating of a movie."""
# A table of its own, since planning one query for all takes longer than running them.
_STORE_FILES = f"""
CREATE OR REPLACE TEMP TABLE new_files AS
WITH of_runs AS (
    FROM scored_files WHERE run_id = ANY($runs::VARCHAR[]) AND status = 'scored' AND source_sha256 NOT IN (
        SELECT source_sha256 FROM scored_files WHERE NOT run_id = ANY($runs::VARCHAR[]) AND status = 'scored'
    )
)
SELECT source_sha256, seen_at FROM ({describe_files("of_runs")}) SEMI JOIN of_runs USING (source_sha256)
"""  # noqa: S608 (our own names)
"""SQL: stores the files that no earlier run has scored."""
_NEW_ROWS = """
source_reviews SEMI JOIN new_files USING (source_sha256) WHERE file_seen_at >= (SELECT min(seen_at) FROM new_files)
"""
# Where a review has no id, its key is that of its text and movie.
_COUNT_ROWS = f"""
WITH reviews AS (
    SELECT
        source_sha256, file_uri AS uri, file_source AS source, review_id IS NOT NULL AS has_id, count(*) AS rows,
        min(text_sha256) <> max(text_sha256) AS has_several, count_if(given_label <> {RATED_LABEL}) AS turned,
        count_if(given_label IS NOT NULL AND {RATED_LABEL} IS NOT NULL) AS judged
    FROM {_NEW_ROWS} GROUP BY source_sha256, uri, source, has_id, review_key
)
SELECT
    uri, source, count_if(has_id AND has_several) AS repeated, sum(rows - 1) FILTER (NOT has_id) AS alike,
    sum(turned) AS turned, sum(judged) AS judged
FROM reviews GROUP BY source_sha256, uri, source ORDER BY uri
"""  # noqa: S608 (our own names)
_LIST_FLOODED = f"""
WITH copied AS (
    SELECT
        movie_id, count(*) AS copies, count(DISTINCT source_sha256) AS files, min(file_uri) AS uri,
        arg_min(source_sha256, file_uri) AS source_sha256
    FROM {_NEW_ROWS} AND near_key IS NOT NULL AND movie_id IS NOT NULL
    GROUP BY movie_id, near_key HAVING copies >= {_FEWEST_COPIES}
)
SELECT movie_id, unnest(arg_max(struct_pack(uri, source_sha256, files), copies))
FROM copied GROUP BY movie_id ORDER BY sum(copies) DESC, movie_id LIMIT {_MOVIES_LOOKED_AT}
"""  # noqa: S608 (our own names)
_READ_MOVIE = f"""
SELECT text, best_predicted_rating AS stars FROM (
    FROM source_reviews WHERE movie_id = $movie AND is_latest AND best_model_id IS NOT NULL
    ORDER BY file_seen_at DESC, source_sha256, row_number LIMIT {_REVIEWS_LOOKED_AT}
) ORDER BY file_seen_at, source_sha256, row_number
"""  # noqa: S608 (likewise)


def find_suspicious(
    connection: duckdb.DuckDBPyConnection, home: Home, run_ids: Collection[str]
) -> Iterator[Finding]:
    """Yield what is doubtful in the rows of the files that these runs scored first."""
    if connection.execute(_STORE_FILES, {"runs": list(run_ids)}).fetchall() == [(0,)]:
        return
    rows = connection.execute(_COUNT_ROWS).fetchall()
    accepting = list_accepting(home) if any(repeated for _, _, repeated, *_ in rows) else set()
    for uri, source, repeated, alike, turned, judged in rows:
        if repeated and source not in accepting:
            yield find_in_files(
                "shared_ids",
                source,
                [uri],
                f"{count(repeated, 'review id')} with several texts on the same movie in it; latest_scores shows the "
                "newest of each",
                "if these are reviews of their own, another column names them (review_id in a profile); if not, "
                'shared_ids = "accept" under [severity] silences this',
            )
        if judged >= _FEWEST_TURNED and turned > judged / 2:
            yield find_in_files(
                "turned_labels",
                source,
                [uri],
                f"{turned:,} of {count(judged, 'label')} contradict the rating of their row, so positive and negative, "
                "or the best and the worst rating, may be turned round",
                f"[labels] or [rating] in a profile says which is which; for these {name_rescan(name_source(uri))}",
            )
        if alike:
            yield find_in_files(
                "equal_texts",
                source,
                [uri],
                f"{count(alike, 'row')} without a review id repeat the text of another on the same movie; "
                "latest_scores has each text once",
                "if they are reviews of their own, a profile says so: review_id names a column of ids that hold across "
                'files, or equal_texts = "each" under [rows]',
            )
    yield from _find_flooded(connection)


def list_accepting(home: Home) -> set[str]:
    """Return the sources whose profiles accept that a review id stands for several texts."""
    profiles = load_catalogue(home).profiles.items()
    return {name for name, each in profiles if each.severity.shared_ids == "accept"}


def name_source(uri: str) -> str:
    """Return the source of a file as a word of a command; that of a file outside the inbox is for the user to name."""
    return _OF_NO_SOURCE if uri.startswith("/") else quote_word(Catalogue().find(uri).name)


def name_rescan(source: str) -> str:
    """Return the command that reads the files of a source again: it finds those alone that lie in its folder."""
    command = f"`reviews sources rescan {source}`"
    return f"copy them to inbox/{source}, then {command}" if source == _OF_NO_SOURCE else command


def _find_flooded(connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    """Yield each movie whose rating the files move by many texts that are hardly different."""
    for movie, uri, source_sha256, files in connection.execute(_LIST_FLOODED).fetchall():
        import numpy as np  # which most commands need not load
        import pyarrow as pa

        from data_contracts.sources.near_copies import mark_first

        rows = connection.execute(_READ_MOVIE, {"movie": movie}).fetchall()
        first = mark_first(pa.array([text for text, _ in rows]))
        stars = np.array([each for _, each in rows])
        with_all, once = float(stars.mean()), float(stars[first].mean())
        if abs(with_all - once) < _FEWEST_STARS_MOVED:
            continue
        others = f" and {count(files - 1, 'other file')}" if files > 1 else ""
        query = f"reviews sql reviews-of-movie --param {quote_word(f'movie={movie}')}"
        what = (
            f"{uri}{others}: {int((~first).sum()):,} of {count(len(rows), 'review')} of the movie {quote_word(movie)} "
            f"are near-copies of others, which differ by a number, a name or a few words: its mean predicted rating is "
            f"{with_all:.1f} stars, and {once:.1f} if such count once. All of them count in movie_ratings"
        )
        step = (
            f"look at them, `{query}`; if nobody wrote them, `reviews forget {source_sha256[:12]} --as file`"
        )
        yield Finding("flooded_movie", movie, what, step, NOTE, Catalogue().find(uri).name)


def find_reused_ids(home: Home, files: "Sequence[CommittedFile]") -> list[Finding]:
    """Return the files nearly all of whose review ids their sources have given to other texts before."""
    reusing = [
        each for each in files if each.ids_reused >= max(_FEWEST_REUSED, _MOST_REUSED * each.rows_scored)
    ]
    accepting = list_accepting(home) if reusing else set()
    return [
        find_in_files(
            "reused_ids",
            Catalogue().find(each.uri).name,
            [each.uri],
            f"{count(each.ids_reused, 'review id')} of earlier files of its source too, for other texts on the same "
            "movie; latest_scores shows the newest of each",
            "if each file counts anew: ids_hold_across_files = false in a profile, then `reviews sources rescan "
            f"{name_source(each.uri)}`",
        )
        for each in reusing
        if Catalogue().find(each.uri).name not in accepting
    ]
