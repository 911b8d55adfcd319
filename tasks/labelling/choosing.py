"""Chooses the reviews whose labels would teach and show most, of those that the champion scored and nobody labelled.

Of four reviews, the score of two is nearest to 0.5, one has the largest share of words that the model does not know,
and one is drawn at random; of the first three, those of sources that drift come first. The random ones are drawn
before the others, from all, so that the accuracy on them is that of the model; the order of a draw is that of
`review_key`, which is a digest. Texts are read of the chosen reviews alone.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from data_contracts.errors import UsageError, WarehouseError
from tasks.queries.run_query import MOST_MEMORY
from tasks.support.wording import escape_controls
from tasks.warehouse.published import open_published

RANDOM, UNCERTAIN, UNLIKE = "random", "uncertain", "unlike"
MIX = (UNCERTAIN, RANDOM, UNCERTAIN, UNLIKE)
"""Why the first review is chosen, the second, and so on, again and again: so who stops early has the same mix."""
FEWEST_WORDS = 10
"""Of a shorter text a single unknown word is a large share."""
_SPARE = 4
"""How many times as many candidates are looked at: some have the same text, or came again with a label."""
_SOURCES_NAMED = 20
"""Sources that a message names."""
_ORDERS = {
    RANDOM: "review_key",
    UNCERTAIN: "is_drifting DESC, abs(best_score - 0.5), review_key",
    UNLIKE: "is_drifting DESC, best_oov_rate DESC, review_key",
}
_CONDITIONS = {UNLIKE: f"best_oov_rate > 0 AND best_token_count >= {FEWEST_WORDS}"}
_OF_SOURCE = "($source IS NULL OR coalesce(file_source, 'default') = $source)"
_FIND = """
SELECT
    rowid AS place, text_sha256, review_key, best_score, best_oov_rate,
    coalesce(file_source, 'default') IN (SELECT unnest($drifting::VARCHAR[])) AS is_drifting
FROM source_reviews
WHERE is_latest AND best_model_id = $model_id AND given_label IS NULL AND given_rating IS NULL
AND in_english IS DISTINCT FROM false AND {condition}
AND {of_source} AND ($movie IS NULL OR movie_id = $movie)
ORDER BY {order}, place LIMIT $limit
"""
_FIND_CHAMPION = "SELECT model_id FROM promotions ORDER BY number DESC LIMIT 1"
_FIND_DRIFTING = """
SELECT DISTINCT source FROM (
    SELECT source FROM contract_results WHERE boundary = 'drift' AND source IS NOT NULL
    GROUP BY source, columns HAVING NOT arg_max(success, checked_at)
)
"""
_LIST_LABELLED = "SELECT text_sha256 FROM review_labels"
_LIST_SOURCES = "SELECT DISTINCT coalesce(file_source, 'default') FROM source_reviews"
_FIND_ANY = """
SELECT true FROM source_reviews WHERE {of_source} AND ($movie IS NULL OR movie_id = $movie) LIMIT 1
"""
# A label that came with another row counts for this one too, as in live_accuracy.
_FIND_GIVEN = """
SELECT {column} FROM source_reviews
WHERE (given_label IS NOT NULL OR given_rating IS NOT NULL) AND {column} IN (SELECT unnest($values::{kind}[]))
"""
_READ = """
SELECT
    text_sha256, text, coalesce(file_source, 'default') AS source, review_id, movie_id,
    CASE WHEN isfinite(reviewed_at) THEN strftime(make_timestamp(epoch_us(reviewed_at)), '%Y-%m-%d') END AS written_on,
    $drawn AS drawn
FROM source_reviews WHERE rowid = $place
"""


@dataclass(frozen=True)
class LabelRequest:
    """Of which reviews labels are wanted."""

    count: int = 20
    source: str | None = None
    movie: str | None = None


@dataclass(frozen=True)
class ChosenReview:
    """A review to label. Its score is left out, so that it can't sway who labels it."""

    text_sha256: str
    text: str
    source: str
    review_id: str | None
    movie_id: str | None
    written_on: str | None
    """The writer's day in UTC, such as 2026-11-27."""
    drawn: str
    """`RANDOM`, `UNCERTAIN` or `UNLIKE`. Of one movie none is `RANDOM`: it would say nothing of its source."""


@dataclass(frozen=True)
class _Candidate:
    place: int
    text_sha256: str
    review_key: int


def choose_reviews(
    published: Path, request: LabelRequest, labelled: Collection[str] = ()
) -> list[ChosenReview]:
    """Choose reviews from the published copy, in the order in which to ask; fewer if there are no more.

    `labelled` are the sha256 of texts with a label that the database does not have yet. Raises `WarehouseError` if an
    older version of this program made the copy, `UsageError` if no review is of the source, or of the movie, that was
    asked for.
    """
    with open_published(published, MOST_MEMORY) as connection:
        try:
            done = {*labelled, *_list(connection, _LIST_LABELLED)}
        except duckdb.CatalogException as error:
            raise WarehouseError(
                f"{published}: was made by an older version. Next: `reviews score` publishes a new copy."
            ) from error
        wanted = {**vars(request), "model_id": next(iter(_list(connection, _FIND_CHAMPION)), None)}
        del wanted["count"]
        wanted["drifting"] = sorted(_list(connection, _FIND_DRIFTING))
        chosen = _choose(connection, wanted, request.count, done)
        if not chosen:
            _require_known(connection, request)
        reviews = []
        for place, drawn in chosen:  # each by its place, so that no other text is decompressed
            said = UNCERTAIN if drawn == RANDOM and request.movie else drawn
            [row] = connection.execute(_READ, {"place": place, "drawn": said}).fetchall()
            reviews.append(ChosenReview(*row))
        return reviews


def _require_known(connection: duckdb.DuckDBPyConnection, request: LabelRequest) -> None:
    """Raise `UsageError` unless the source and the movie that were asked for have scored reviews."""
    sources = sorted(_list(connection, _LIST_SOURCES))
    asked = [f"movie {request.movie!r}"] * bool(request.movie)
    asked += [f"source {request.source!r}"] * bool(request.source)
    wanted = {"movie": request.movie, "source": request.source}
    if asked and not _list(connection, _FIND_ANY.format(of_source=_OF_SOURCE), wanted):
        some = ", ".join(sources[:_SOURCES_NAMED]) + (", …" if len(sources) > _SOURCES_NAMED else "")
        listed = (
            f'name another; `reviews sql "from movie_ratings"` lists the movies, and the sources are {some}'
        )
        step = listed if sources else "`reviews score`"
        raise UsageError(escape_controls(f"No {' of the '.join(asked)} has scored reviews. Next: {step}."))


def _choose(
    connection: duckdb.DuckDBPyConnection, wanted: dict[str, Any], count: int, done: set[str]
) -> list[tuple[int, str]]:
    """Return the place of each review to ask about, and why it was chosen, in the order of `MIX`."""
    quotas = {kind: sum(MIX[place % len(MIX)] == kind for place in range(count)) for kind in _ORDERS}
    picked: dict[str, list[_Candidate]] = {}
    for kind in (RANDOM, UNLIKE):
        picked[kind] = _pick(connection, wanted, kind, quotas[kind], done)
        done = done | {each.text_sha256 for each in picked[kind]}
    # Where there are too few of the others, their places are filled.
    rest = count - sum(map(len, picked.values()))
    picked[UNCERTAIN] = _pick(connection, wanted, UNCERTAIN, rest, done)
    left = {kind: iter(each) for kind, each in picked.items()}
    in_turn = MIX * max(map(len, picked.values()))
    return [(each.place, kind) for kind in in_turn if (each := next(left[kind], None)) is not None]


def _pick(
    connection: duckdb.DuckDBPyConnection, wanted: dict[str, Any], kind: str, count: int, done: set[str]
) -> list[_Candidate]:
    """Return the first candidates of a kind whose texts are distinct and have no label anywhere."""
    query = _FIND.format(order=_ORDERS[kind], condition=_CONDITIONS.get(kind, "true"), of_source=_OF_SOURCE)
    limit = _SPARE * count + len(done)
    while count:
        rows = connection.execute(query, {**wanted, "limit": limit}).fetchall()
        found = {text: _Candidate(place, text, key) for place, text, key, *_ in reversed(rows)}
        open_texts = [found[text] for text in dict.fromkeys(row[1] for row in rows) if text not in done]
        usable = _drop_given(connection, open_texts)
        if len(usable) >= count or len(rows) < limit:
            return usable[:count]
        limit *= _SPARE
    return []


def _drop_given(connection: duckdb.DuckDBPyConnection, candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Return the candidates of whose review or text no other row has a label or a rating."""
    texts, keys = [each.text_sha256 for each in candidates], [each.review_key for each in candidates]
    by_text = _FIND_GIVEN.format(column="text_sha256", kind="VARCHAR")
    by_key = _FIND_GIVEN.format(column="review_key", kind="UBIGINT")
    given_texts = _list(connection, by_text, {"values": texts})
    given_keys = _list(connection, by_key, {"values": keys})
    return [
        each
        for each in candidates
        if each.text_sha256 not in given_texts and each.review_key not in given_keys
    ]


def _list(
    connection: duckdb.DuckDBPyConnection, query: str, values: dict[str, Any] | None = None
) -> set[Any]:
    """Return the distinct values of a query with one column."""
    return {value for (value,) in connection.execute(query, values or {}).fetchall()}
