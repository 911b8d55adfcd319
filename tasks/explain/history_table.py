"""Prints the history of a review as a table in the terminal, or as JSON for programs."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO

from tasks.explain.history import DECISIONS, History, ModelScore, ReviewRow
from tasks.explain.terminal import open_console
from tasks.pages.formatting import NO_VALUE, cut_name
from tasks.support.wording import count, format_json

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ("row", "given", "scores", "in latest_scores")
RULE = (
    "Of the rows with a date only those with the latest date can count; of these and the rows without a date the one "
    "that arrived last does."
)


def write_history(histories: Sequence[History], out: TextIO) -> None:
    """Print a table of rows for each review, in the order in which they arrived."""
    from rich.text import Text

    console = open_console(out)
    for history in histories:
        console.print(Text(_name_review(history)))
        console.print(_draw_rows(history.rows))
    console.print(Text(RULE))


def _name_review(history: History) -> str:
    """Return the line above the table of a review."""
    review = (
        "A review without an id" if history.review_id is None else f"Review {cut_name(history.review_id)}"
    )
    movie = "" if history.movie_id is None else f" of movie {cut_name(history.movie_id)}"
    order = "" if len(history.rows) == 1 else " in the order of arrival"
    return f"{review}{movie}: {count(len(history.rows), 'row')}{order}"


def _draw_rows(rows: Sequence[ReviewRow]) -> "Table":
    """Draw the table of a review's rows."""
    from rich import box
    from rich.table import Column, Table
    from rich.text import Text

    table = Table(*(Column(name, overflow="fold") for name in COLUMNS), box=box.SQUARE, show_lines=True)
    for row in rows:
        scores = [line for score in row.scores for line in _describe_score(score)]
        counts = f"{'yes' if row.counts else 'no'}: {DECISIONS[row.counts, row.decided_by]}"
        cells = (_describe_place(row), _describe_given(row), scores, [counts])
        table.add_row(*(Text("\n".join(cell)) for cell in cells), style="bold" if row.counts else None)
    return table


def _describe_place(row: ReviewRow) -> Iterator[str]:
    """Yield the lines that say where a row comes from, and when it arrived."""
    yield row.row
    yield cut_name(row.uri)
    yield f"source {cut_name(row.source)}"
    if row.profile_version:
        yield f"profile {row.profile_version}"
    yield f"arrived {row.arrived_at:%Y-%m-%d %H:%M:%S}"


def _describe_given(row: ReviewRow) -> Iterator[str]:
    """Yield the lines that say what the file gives of a review, besides its text."""
    date = (row.reviewed_at or NO_VALUE).removesuffix("+00:00").removesuffix("T00:00:00").replace("T", " ")
    yield f"date {date}"
    yield f"rating {NO_VALUE if row.given_rating is None else f'{row.given_rating:g}'}"
    yield f"label {row.given_label or NO_VALUE}"


def _describe_score(score: ModelScore) -> Iterator[str]:
    """Yield the lines about one model's score."""
    yield f"{score.score:.4f} {score.sentiment}"
    yield f"{score.predicted_rating:.1f} stars{'; counts' if score.counts else ''}"
    yield score.model_id


def write_history_as_json(histories: Sequence[History], out: TextIO) -> None:
    """Write one JSON object with all reviews and their rows."""
    out.write(f"{format_json({'reviews': _to_json([asdict(each) for each in histories])})}\n")


def _to_json(value: Any) -> Any:
    """Return a value with each time as text."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _to_json(each) for name, each in value.items()}
    return [_to_json(each) for each in value] if isinstance(value, list | tuple) else value
