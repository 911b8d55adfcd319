"""Writes the profile that a file suggests: what the file shows, and a question for whatever it leaves in doubt."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data_contracts.errors import UsageError
from data_contracts.review_files import READ_SCHEMA
from data_contracts.rules_and_limits import STEP_OF_FILE
from tasks.review_files.inference.rating_decisions import LOWEST_IS_BEST, MARKS
from tasks.review_files.inference.text_doubts import ROWS_COMPARED, FirstRow, find_other_texts
from tasks.review_files.plans.reading_plan import DateFormat, Doubt, RatingScale, ReadingPlan
from tasks.review_files.reader import ReadOptions, read_review_file
from tasks.support.wording import escape_controls

_COLUMNS = ("review_id", "movie_id", "reviewed_at", "given_label", "given_rating", "author")
IN_DOUBT = "in doubt: "
"""What stands before the reason for a column that a proposed profile leaves out."""
_NO_RATING = "no rating is given, so the file does not show what the best one is"
_STYLES = {"day_first": "day-first", "month_first": "month-first"}


@dataclass(frozen=True)
class Named:
    """What the user names of a file, where it does not show it."""

    text: Sequence[str] = ()
    """The columns of the text, in the order in which they are joined."""
    sheet: str | None = None
    """The sheet of a workbook."""
    json_path: str | None = None
    """The path of the array in a JSON document."""
    fallback_encoding: str | None = None
    """The encoding of files that are not UTF-8, by the settings."""

    def make_options(self, plan: ReadingPlan | None = None) -> ReadOptions:
        """Return the options by which the file is read, but for the columns of the text."""
        return ReadOptions(
            plan=plan,
            sheet=self.sheet,
            json_path=self.json_path,
            fallback_encoding=self.fallback_encoding,
        )


_NOTHING = Named()


@dataclass(frozen=True)
class Inferred:
    """What a file shows of how it is to be read."""

    plan: ReadingPlan
    further: Sequence[str] = ()
    """The names of its further columns."""
    is_utf8: bool = True
    """No text at its start has bytes that are not UTF-8."""
    named: Named = _NOTHING


def infer(file: Path, named: Named = _NOTHING) -> Inferred:
    """Return how a file would be read without a profile, given what the user names.

    Raises `FileRefusedError` for a file that can't be read, `UsageError` for one that needs no plan.
    """
    plans: list[ReadingPlan] = []
    further: dict[str, None] = {}
    first: list[FirstRow] = []
    is_utf8 = True
    text = named.text
    options = replace(named.make_options(), text_column=text[-1] if text else None, report_plan=plans.append)
    for batch in read_review_file(file, options):
        for extra in batch["extra"].drop_null().to_pylist():
            further |= dict.fromkeys(json.loads(extra))
        is_utf8 = "text_encoding" not in batch["rule"].to_pylist()
        rows = batch.slice(0, ROWS_COMPARED)
        first = list(zip(rows["text"].to_pylist(), rows["extra"].to_pylist(), strict=True))
        break  # the plan is made, from all values of the file, before its first row is given out
    if not plans:
        raise UsageError(
            f"{file}: has no columns, so it needs no profile: each text file is one review. Next: drop such files into "
            "the inbox."
        )
    plan = replace(plans[0], text=tuple(text)) if text else _doubt_text(plans[0], first)
    names = [name for name in further if name not in (*READ_SCHEMA.names, *text)]
    return Inferred(plan, names, is_utf8, named)


def _doubt_text(plan: ReadingPlan, rows: Sequence[FirstRow]) -> ReadingPlan:
    """Return a plan with the doubt that another column is the text, too, if its first rows show that."""
    is_doubted = any(doubt.field == "text" for doubt in plan.doubts)
    others = [] if is_doubted or "text" in plan.reasons else find_other_texts(rows)
    doubts = [
        Doubt("text", name, "it has sentences too, so it may be the text, or a part of it") for name in others
    ]
    return replace(plan, doubts=(*plan.doubts, *doubts[:1]))


def format_proposal(inferred: Inferred, source: str, file_name: str) -> str:
    """Return the TOML text of the profile for a source, as one of its files shows it."""
    plan, further = inferred.plan, inferred.further
    doubts = {doubt.field: doubt for doubt in _list_doubts(plan) if STEP_OF_FILE not in doubt.reason}
    lines = [f"# How files of the source {source} are read; made from {_quote(file_name)}."]
    lines += [f"ids_hold_across_files = {str(plan.ids_hold).lower()}"]
    lines += [f"movie = {_quote(plan.constant_movie_id)}"] if plan.constant_movie_id else []
    lines += ["", "[columns]", *_list_columns(plan, doubts)]
    lines += [f"# Kept in `extra`: {', '.join(map(_quote, further))}"] if further else []
    for ours, describe in _DESCRIPTIONS.items():
        if plan.name_column(ours) is not None:
            doubt = doubts.get(ours)
            lines += ["", *(_ask(doubt.reason, _choose_question(doubt)) if doubt else describe(plan))]
    layout = list(_describe_layout(inferred.named))
    lines += ["", *layout] if layout else []
    question = _QUESTION_OF_ENCODING[layout != [] :]
    lines += [] if inferred.is_utf8 else ["", *_ask("some texts are not UTF-8", question)]
    return "\n".join(lines) + "\n"


def _list_doubts(plan: ReadingPlan) -> Iterator[Doubt]:
    """Yield the doubts of a plan, and that about a scale that no rating of the file shows."""
    yield from plan.doubts
    # Such a file leaves nothing unread, but a profile holds for later files, which have ratings.
    if plan.given_rating is not None and plan.ratings is None and not plan.has_ratings:
        yield Doubt("given_rating", plan.given_rating, _NO_RATING)


def _list_columns(plan: ReadingPlan, doubts: Mapping[str, Doubt]) -> Iterator[str]:
    """Yield the lines of the table of columns; a column in doubt is a comment until that is settled."""
    reasons = {**plan.reasons, **{doubt.field: doubt.reason for doubt in plan.doubts}}
    yield f"text = [{', '.join(map(_quote, plan.text))}]{_note(plan.reasons.get('text'))}"
    if "text" in doubts:
        both = ", ".join(map(_quote, (doubts["text"].column, *plan.text)))
        yield f"# text = [{both}]  # {IN_DOUBT}{_on_one_line(doubts['text'].reason)}"
    for ours in _COLUMNS:
        column = plan.name_column(ours)
        if ours in doubts:
            yield f"# {ours} = {_quote(doubts[ours].column)}  # {IN_DOUBT}{_on_one_line(doubts[ours].reason)}"
        elif column is not None:
            yield f"{ours} = {_quote(column)}{_note(reasons.get(ours))}"


def _describe_layout(named: Named) -> Iterator[str]:
    """Yield the lines on where the rows are in the file, if the user named it."""
    layout = {"sheet": named.sheet, "json_path": named.json_path}
    if any(layout.values()):
        yield "[file]"
        yield from (f"{key} = {_quote(value)}" for key, value in layout.items() if value)


def _describe_dates(plan: ReadingPlan) -> Iterator[str]:
    """Yield the lines on dates."""
    dates = plan.dates or DateFormat()
    style = dates.pattern if dates.style == "pattern" else _STYLES.get(dates.style, dates.style)
    yield from ("[dates]", f"format = {_quote(style)}", f"time_zone = {_quote(dates.zone)}")


def _describe_ratings(plan: ReadingPlan) -> Iterator[str]:
    """Yield the lines on ratings."""
    scale = plan.ratings or RatingScale()
    yield from ("[rating]", f"lowest = {scale.lowest:g}", f"highest = {scale.highest:g}")
    if scale.decimal_comma:
        yield "decimal_comma = true"


def _describe_labels(plan: ReadingPlan) -> Iterator[str]:
    """Yield the lines on labels."""
    yield "[labels]"
    for key, ours in (("positive", "positive"), ("negative", "negative"), ("none", None)):
        values = [label for label, meaning in (plan.labels or {}).items() if meaning == ours]
        if values:
            yield f"{key} = [{', '.join(map(_quote, values))}]"


_DESCRIPTIONS: Mapping[str, Callable[[ReadingPlan], Iterator[str]]] = {
    "reviewed_at": _describe_dates,
    "given_rating": _describe_ratings,
    "given_label": _describe_labels,
}
_QUESTIONS = {
    "reviewed_at": (
        "[dates]",
        'format = "day-first"  # or "month-first", "epoch", or a pattern such as "%Y-%d-%m"',
        'time_zone = "UTC"',
    ),
    "given_rating": (
        "[rating]",
        "lowest = 1",
        "highest = 5  # or 10, or what the best rating is",
        "decimal_comma = false  # true if 4,5 means four and a half",
    ),
    "given_label": ("[labels]", 'positive = ["1"]', 'negative = ["0"]'),
}
"""What settles a doubt about one of our columns."""
_INVERTED = (
    "[rating]",
    "lowest = 1",
    "highest = 5",
    'words = { "1" = 5, "2" = 4, "3" = 3, "4" = 2, "5" = 1 }  # 1 is the best: give all of them',
)
"""What settles the scale where the lowest number is the best."""
_OPPOSITES = (
    *(("1", "-1"), ("👍", "👎"), ("label_1", "label_0"), ("4", "0"), ("2", "0"), ("2", "1")),
    *(("yes", "no"), ("true", "false"), ("good", "bad")),
)
"""Pairs of a positive and a negative label; the first of which a file has both is proposed."""


_QUESTION_OF_ENCODING = (
    "[file]",
    'encoding = "cp1252"  # of Windows; or "mac_roman", "latin-1" or another: see that the texts look right',
)


def _choose_question(doubt: Doubt) -> Sequence[str]:
    """Return the lines that settle a doubt, with the labels of the file where they show their meaning."""
    if doubt.reason in (LOWEST_IS_BEST, MARKS):
        return _INVERTED
    if doubt.field == "given_rating" and doubt.values:
        lowest, highest = doubt.values
        bounds = (f"lowest = {lowest}", f"highest = {highest}  # or what the best rating is")
        return "[rating]", *bounds, *_QUESTIONS["given_rating"][3:]
    pair = next((pair for pair in _OPPOSITES if set(pair) <= set(doubt.values)), None)
    if pair is None:
        return _QUESTIONS[doubt.field]
    lines = ["[labels]", f"positive = [{_quote(pair[0])}]", f"negative = [{_quote(pair[1])}]"]
    others = [value for value in doubt.values if value not in pair]
    return [*lines, f"none = [{_quote(others[0])}]"] if len(others) == 1 else lines


def _ask(reason: str, lines: Sequence[str]) -> Iterator[str]:
    """Yield a question as comments: the reason for the doubt, and the lines by which the user settles it."""
    yield f"# In doubt: {_on_one_line(reason)}"
    yield "# Remove the # of the lines that are right, here and above."
    yield from (f"# {line}" for line in lines)


def _note(reason: str | None) -> str:
    """Return the reason for a column as a comment at the end of its line."""
    return f"  # {_on_one_line(reason)}" if reason else ""


def _on_one_line(text: str) -> str:
    """Return a text without line breaks and control characters, since a comment is one line."""
    return " ".join(escape_controls(text).split())


def _quote(text: str | None) -> str:
    """Return a text as a TOML string, which has JSON's escapes."""
    return json.dumps(text or "", ensure_ascii=False).replace("\x7f", "\\u007f")
