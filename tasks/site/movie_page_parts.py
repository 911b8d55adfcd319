"""Makes parts of a movie's page by plain Python, those of which it has many: a template takes five times as long.

And the sentences on its trend and on its interval.

Everything that comes from outside has its control characters spelled out, and is escaped.
"""

import re
from collections.abc import Iterable
from html import escape

from markupsafe import Markup

from data_contracts.rules_and_limits import name_rated_sentiment
from tasks.pages.formatting import BREAK, NO_VALUE, cut_name, format_number, format_share
from tasks.pages.sections import Row
from tasks.support.wording import count, escape_controls

TEXT_SHOWN = 320
"""Characters of a review that are shown before the reader opens the rest."""
WORD_CHARACTERS = 30
"""How many fewer are shown at most, so that no word is cut."""
_CUT_END = re.compile(r"(<(b(r[ \t\r\n]*/?)?)?|\r)\Z", re.IGNORECASE)
"""What the cut may leave at the end of a text: a part of the tag `<br>`, or of a line end."""
_CHANCE = (235.8, 19.21, 9.22, 6.62, 5.51, 4.90, 4.53, 4.28, 4.09, 3.96, 3.85, 3.76, 3.69, 3.64, 3.59)
"""By how many of its errors a trend may differ from none by chance, by the dated reviews less two: from 1 on.

They are quantiles of Student's t, as strict as three errors of very many reviews: the pages say it of each movie, so
one in twenty would be too many. The last one is for more reviews too.
"""
_SMALLEST_TREND = 0.05
"""Below so many stars a year a trend is shown as none."""


def format_ratings(rows: Iterable[Row], name: str) -> Markup:
    """Return the rows of a table of ratings, each called by its value of the column `name`, undated ones as such."""
    return Markup("".join(_format_rating(row[name] or "undated", row) for row in rows))  # noqa: S704 (escaped)


def _format_rating(first: str, row: Row) -> str:
    """Return a row of a table of ratings: of a period or a source, whose name is `first`."""
    cells = (
        format_stars(row["stars"]),
        format_interval(row["low"], row["high"]),
        format_number(row["reviews"]),
        format_share(row["share_positive"]),
        format_stars(row["given"]),
    )
    numbers = "".join([f'<td class="n">{cell}</td>' for cell in cells])
    picture = _draw_range(row["low"], row["stars"], row["high"])
    return f'<tr><th scope="row">{_name(first)}</th><td>{picture}</td>{numbers}</tr>\n'


def format_reviews(rows: Iterable[Row]) -> Markup:
    """Return reviews: what the model says of each, its text, and where it is from."""
    return Markup("".join(map(_format_review, rows)))  # noqa: S704 (escaped)


def _format_review(row: Row) -> str:
    """Return a review; `data-row` names its row, by which pages that show a forgotten one are found."""
    name = escape(row["row_name"])
    sure = format_share(row["score"] if row["sentiment"] == "positive" else 1 - row["score"])
    review = "" if row["review_id"] is None else f"review {_name(row['review_id'])}, "
    written = f"{row['written_on']}, " if row["written_on"] else ""
    return (
        f'<article data-row="{name}">\n'
        f'<p class="score">{format_stars(row["stars"])} stars '
        f"<span>{sure} sure that it is {escape(row['sentiment'])}</span>{_format_given(row)}</p>\n{_format_text(row)}"
        f'<p class="meta">{written}{review}{_name(row["uri"])} <span class="id">{name}</span></p>\n</article>\n'
    )


def _format_given(row: Row) -> str:
    """Return the stars of a review's writer, marked if they say the opposite of the model."""
    stars = row["given_rating"]
    if stars is None:
        return ""
    is_opposite = name_rated_sentiment(stars) not in (None, row["sentiment"])
    mark = '<strong class="tag care">' if is_opposite else "<span>"
    end = "</strong>" if is_opposite else "</span>"
    return f"{mark}its writer gave {round(stars, 1):g} {'star' if stars == 1 else 'stars'}{end}"


def _format_text(row: Row) -> str:
    """Return the text of a review, of which the rest of a long one is opened by the reader."""
    is_whole = row["characters"] <= len(row["text"])
    text = _clean(row["text"]) if is_whole else _CUT_END.sub("", _clean(row["text"]))
    end = "" if is_whole else "…"
    if len(text) <= TEXT_SHOWN:
        return f'<p class="text" dir="auto">{_escape_text(text)}{end}</p>\n'
    first, rest = _split(text)
    summary = f"{'The rest of the text' if is_whole else 'More of the text'} of {escape(row['row_name'])}"
    return (
        f'<p class="text" dir="auto">{_escape_text(first)}…</p>\n<details>\n<summary>{summary}</summary>\n'
        f'<p class="text" dir="auto">…{_escape_text(rest)}{end}</p>\n</details>\n'
    )


def _clean(text: str) -> str:
    """Return a text with one kind of line end."""
    return BREAK.sub("\n", text.replace("\r\n", "\n"))


def _split(text: str) -> tuple[str, str]:
    """Return the beginning of a long text, up to a space if one is near, and the rest."""
    near = range(TEXT_SHOWN, TEXT_SHOWN - WORD_CHARACTERS, -1)
    place = next((place for place in near if text[place] in " \t\n"), TEXT_SHOWN)
    return text[:place], text[place:]


def _escape_text(text: str) -> str:
    """Return a cleaned text with HTML and control characters escaped, except line ends and tabs."""
    return escape(escape_controls(text, keep="\n\t"))


def describe_trend(figures: Row) -> str:
    """Return what the trend of a movie says, in a sentence; `figures` are those of `MovieFacts`."""
    trend, error = figures["trend"], figures["trend_error"]
    if trend is None or error is None:
        return "Too few reviews to tell a trend: it takes three with a date, over 90 days."
    if abs(trend) < _SMALLEST_TREND:
        return "It shows no trend: it rises or falls by less than 0.1 stars a year."
    moved = f"by {format_stars(abs(trend))} stars a year"
    if abs(trend) > _CHANCE[min(figures["freedom"], len(_CHANCE)) - 1] * error:
        return f"{'Rises' if trend > 0 else 'Falls'} {moved}, beyond chance."
    what = f"its reviews {'rise' if trend > 0 else 'fall'} {moved}"
    return f"No trend beyond chance: {what}, but they are too few, or differ too much, to tell."


def describe_given(figures: Row) -> str:
    """Return a remark where the mean of the stars that writers gave a movie lies outside its interval, else nothing."""
    given, low, high = (figures[name] for name in ("mean_given_rating", "rating_low", "rating_high"))
    if given is None or low is None or high is None or round(low, 1) <= round(given, 1) <= round(high, 1):
        return ""
    few = figures["reviews"] - figures["rated_reviews"]
    missing = f", though {count(few, 'review')} came without stars" if few else ""
    where = f"{'below' if given < low else 'above'} the likely range"
    return f"Its writers' own mean, {format_stars(given)}, lies {where}{missing}."


def _name(name: str) -> str:
    """Return a name from outside, cut and escaped."""
    return escape(cut_name(name))


def format_stars(stars: float | None) -> str:
    """Return a number of stars with one decimal."""
    return format_number(stars, 1)


def format_interval(low: float | None, high: float | None) -> str:
    """Return the interval of a rating."""
    return NO_VALUE if low is None or high is None else f"{format_stars(low)} to {format_stars(high)}"


def draw_range(low: float | None, stars: float, high: float | None) -> Markup:
    """Return a picture of a rating between 1 and 10 stars, with its interval; the figures stand beside it."""
    return Markup(_draw_range(low, stars, high))  # noqa: S704 (numbers alone)


def _draw_range(low: float | None, stars: float, high: float | None) -> str:
    """Return the SVG of `draw_range`."""
    span = "" if low is None or high is None else f'<path class="span" d="M{_place(low)} 6H{_place(high)}"/>'
    return (
        f'<svg class="range" viewBox="0 0 192 12" aria-hidden="true"><path d="M6 6H186"/>{span}'
        f'<circle cx="{_place(stars)}" cy="6" r="4.5"/></svg>'
    )


def _place(stars: float) -> str:
    """Return where a number of stars lies in the picture of a rating."""
    return f"{6 + 20 * (min(10.0, max(1.0, stars)) - 1):.0f}"
