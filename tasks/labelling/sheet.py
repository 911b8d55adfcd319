"""Writes reviews as a CSV file whose column `label` is to be filled in, in a spreadsheet or an editor.

What comes back is found by `label_of`, the digest of the text: so it does not matter what a spreadsheet makes of the
text, nor that one that it would run as a formula has an apostrophe in front.
"""

from collections.abc import Sequence
from pathlib import Path

from data_contracts.errors import UsageError
from data_contracts.storage.durable import write_whole
from tasks.labelling.choosing import ChosenReview
from tasks.queries.answer_formats import escape_formulas, format_answer

COLUMNS = ("label", "stars", "text", "source", "movie_id", "review_id", "written_on", "drawn", "label_of")


def require_new(path: Path) -> None:
    """Raise `UsageError` if the file is there, since it may be filled in, or is named as what it will not be."""
    if path.suffix.lower() != ".csv":
        raise UsageError(f"{path}: the sheet is a CSV file. Next: name it {path.with_suffix('.csv').name}.")
    if path.exists():
        raise UsageError(f"{path}: is there already, and may have labels. Next: name a new file.")


def write_sheet(path: Path, reviews: Sequence[ChosenReview]) -> None:
    """Write a sheet. It begins with a byte order mark, by which Excel reads UTF-8."""
    cells = [{**vars(review), "label_of": review.text_sha256} for review in reviews]
    rows = [escape_formulas([each.get(name) for name in COLUMNS]) for each in cells]
    columns = [(name, "VARCHAR") for name in COLUMNS]
    with write_whole(path) as building, building.open("w", newline="", encoding="utf-8-sig") as stream:
        stream.writelines(format_answer(columns, iter([rows]), "csv"))
