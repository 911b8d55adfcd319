"""Writes the profile that a file suggests: what the file shows, and a question for whatever it leaves in doubt."""

import json
from collections.abc import Iterator
from pathlib import Path

from data_contracts.errors import UsageError
from tasks.review_files.plans.reading_plan import DateFormat, ReadingPlan
from tasks.review_files.reader import ReadOptions, read_review_file

_COLUMNS = ("review_id", "movie_id", "reviewed_at", "given_label", "given_rating", "author")
_STYLES = {"clear": "iso", "day_first": "day-first", "month_first": "month-first"}


def infer(file: Path) -> ReadingPlan:
    """Return the plan by which a file would be read without a profile.

    Raises `FileRefusedError` for a file that can't be read, `UsageError` for one that needs no plan.
    """
    plans: list[ReadingPlan] = []
    for _ in read_review_file(file, ReadOptions(report_plan=plans.append)):
        break  # the plan is made, from all values of the file, before its first row is given out
    if not plans:
        raise UsageError(
            f"{file}: has no columns, so it needs no profile: each text file is one review. Next: drop such files into "
            "the inbox."
        )
    return plans[0]


def format_proposal(plan: ReadingPlan, source: str, file_name: str) -> str:
    """Return the TOML text of the profile for a source, as the plan of one of its files says."""
    doubts = {doubt.field: doubt.reason for doubt in plan.doubts}
    lines = [f"# How files of the source {source} are read; made from {_quote(file_name)}."]
    lines += [f"ids_hold_across_files = {str(plan.ids_hold).lower()}"]
    lines += [f"movie = {_quote(plan.constant_movie_id)}"] if plan.constant_movie_id else []
    lines += ["", "[columns]", *_list_columns(plan, doubts)]
    lines += ["", *_describe_dates(plan.dates, doubts.get("reviewed_at"))] if plan.reviewed_at else []
    lines += ["", *_describe_ratings(plan, doubts.get("given_rating"))] if plan.given_rating else []
    lines += ["", *_describe_labels(plan, doubts.get("given_label"))] if plan.given_label else []
    return "\n".join(lines) + "\n"


def _list_columns(plan: ReadingPlan, doubts: dict[str, str]) -> Iterator[str]:
    """Yield the lines of the table of columns; a column whose values are in doubt is left out until that is settled."""
    yield f"text = [{', '.join(map(_quote, plan.text))}]"
    for ours in _COLUMNS:
        column = plan.name_column(ours)
        if column is not None and ours not in doubts:
            yield f"{ours} = {_quote(column)}"
        elif column is not None:
            yield f"# {ours} = {_quote(column)}  # in doubt, see below"


def _describe_dates(dates: DateFormat | None, doubt: str | None) -> Iterator[str]:
    """Yield the lines on dates."""
    if dates is None or doubt is not None:
        yield from _ask(doubt, "[dates]", 'format = "day-first"  # or "month-first"', 'time_zone = "UTC"')
        return
    style = dates.pattern if dates.style == "pattern" else _STYLES.get(dates.style, dates.style)
    yield from ("[dates]", f"format = {_quote(style)}", f"time_zone = {_quote(dates.zone)}")


def _describe_ratings(plan: ReadingPlan, doubt: str | None) -> Iterator[str]:
    """Yield the lines on ratings."""
    scale = plan.ratings
    if scale is None or doubt is not None:
        yield from _ask(doubt, "[rating]", "lowest = 1", "highest = 5")
        return
    yield from ("[rating]", f"lowest = {scale.lowest:g}", f"highest = {scale.highest:g}")
    if scale.decimal_comma:
        yield "decimal_comma = true"


def _describe_labels(plan: ReadingPlan, doubt: str | None) -> Iterator[str]:
    """Yield the lines on labels."""
    if plan.labels is None or doubt is not None:
        yield from _ask(doubt, "[labels]", 'positive = ["1"]', 'negative = ["0"]')
        return
    yield "[labels]"
    for key, ours in (("positive", "positive"), ("negative", "negative"), ("none", None)):
        values = [label for label, meaning in plan.labels.items() if meaning == ours]
        if values:
            yield f"{key} = [{', '.join(map(_quote, values))}]"


def _ask(doubt: str | None, *lines: str) -> Iterator[str]:
    """Yield a question as comments: the reason for the doubt, and the lines by which the user settles it."""
    yield f"# In doubt: {' '.join((doubt or 'the file does not show it').split())}"
    yield "# Remove the # of the right lines here and above."
    yield from (f"# {line}" for line in lines)


def _quote(text: str | None) -> str:
    """Return a text as a TOML string, which has JSON's escapes."""
    return json.dumps(text or "", ensure_ascii=False).replace("\x7f", "\\u007f")
