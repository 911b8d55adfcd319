"""Fills small tables in memory for tests of the views; rows need only the columns that matter."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import duckdb

from tasks.warehouse.latest_scores import rebuild
from tests.support.warehouse_parts import NOON, hash_text

Rows = list[tuple[Any, ...]]


def ask(connection: duckdb.DuckDBPyConnection, query: str) -> Rows:
    """Return the answer, from columns that fit the rows which the test inserted itself."""
    rebuild(connection)
    return connection.execute(query).fetchall()


def add_row(connection: duckdb.DuckDBPyConnection, table: str, **values: Any) -> None:
    """Insert one row; missing columns are null."""
    add_rows(connection, table, [values])


def add_rows(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows with the same columns by one statement; missing columns are null."""
    if not rows:
        return
    names, places = ", ".join(f'"{name}"' for name in rows[0]), ", ".join("?" * len(rows[0]))
    values = [value for row in rows for value in row.values()]
    connection.execute(
        f"INSERT INTO {table} ({names}) VALUES " + ", ".join([f"({places})"] * len(rows)), values
    )


def promote(
    connection: duckdb.DuckDBPyConnection, model_id: str, action: str = "promote", day: int = 0
) -> None:
    """Make a model the champion, some days after the base time (noon)."""
    query = "INSERT INTO promotions SELECT count(*) + 1, ?, ?, 'a reason', NULL, ?, NULL, ? FROM promotions"
    connection.execute(query, [action, model_id, NOON + timedelta(days=day), 1000 + day])


def add_model(connection: duckdb.DuckDBPyConnection, model_id: str, **facts: Any) -> None:
    """Add a row of `models`; `facts` replaces ordinary values."""
    same = {"variant": "lstm", "seed": 0, "dataset": "sample", "trained_at": NOON}
    prints = {f"{what}_fingerprint": f"{what} of {model_id}" for what in ("data", "code", "bundle")}
    add_row(connection, "models", **{"model_id": model_id, **same, **prints, **facts})


def add_file(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    rows: Sequence[dict[str, Any]],
    day: int = 0,
    model_id: str = "model-a",
    run_id: str = "run",
) -> None:
    """Add a file, committed some days after the base time (noon), with the source rows and the scores of one model.

    Existing source rows of a file are kept. Rows are scored at the base time.
    """
    is_first = not connection.execute("FROM scored_files WHERE source_sha256 = ?", [name]).fetchall()
    ledger = {"status": "scored", "uri": name, "format": "csv", "bytes": 1, "rows_read": len(rows)}
    committed = {"committed_at": NOON + timedelta(days=day), "commit_number": 1000 + day}
    key = {"source_sha256": name, "model_id": model_id}
    add_row(connection, "scored_files", **key, **ledger, run_id=run_id, **committed)
    numbered = list(enumerate(rows, start=1))
    if is_first:
        texts = [make_source_row(name, number, **row) for number, row in numbered]
        add_rows(connection, "source_reviews", texts)
    scores = [make_score(name, number, model_id, run_id, **row) for number, row in numbered]
    add_rows(connection, "scored_reviews", scores)


SOURCE_COLUMNS = ("member", "review_id", "movie_id", "reviewed_at", "given_label", "given_rating", "near_key")


def add_source_row(connection: duckdb.DuckDBPyConnection, name: str, number: int, **row: Any) -> None:
    add_row(connection, "source_reviews", **make_source_row(name, number, **row))


def make_source_row(name: str, number: int, **row: Any) -> dict[str, Any]:
    text = row.get("text", f"{name} {number}")
    carried = {column: row.get(column) for column in SOURCE_COLUMNS}
    key = {"source_sha256": name, "row_number": number}
    return {**key, "text": text, "text_sha256": hash_text(text), **carried}


USUAL_WORDS = {"token_count": 4, "oov_rate": 0, "truncated": False}


def make_score(name: str, number: int, model_id: str, run_id: str, **row: Any) -> dict[str, Any]:
    score = row.get("score", 0.75)
    key = {"source_sha256": name, "row_number": number, "model_id": model_id}
    says = {"score": score, "sentiment": "positive" if score >= 0.5 else "negative"}
    stars = {"predicted_rating": row.get("predicted_rating", 1 + 9 * score)}
    words = {name: row.get(name, usual) for name, usual in USUAL_WORDS.items()}
    scored = {"run_id": run_id, "scored_at": row.get("scored_at", NOON)}
    return {**key, **says, **stars, **words, **scored}
