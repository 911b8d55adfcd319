"""Shows the rows of sections as HTML: tables, figures, facts, a verdict, reviews, and charts.

By plain Python, since a template takes five times as long and the page of a movie has many rows. Everything that comes
from outside has its control characters spelled out, and is escaped.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from markupsafe import Markup, escape

from data_contracts.rules_and_limits import name_rated_sentiment
from tasks.pages.cells import Place, count_digits, format_cell, format_plain, name_class
from tasks.pages.formatting import NO_VALUE, cut_name, format_number, format_share
from tasks.pages.sections import CHARTS, Part, Row
from tasks.pages.svg_charts import Caption, LineStyle, Series, draw_bars, draw_lines
from tasks.support.wording import escape_controls

TEXT_SHOWN = 320
"""Characters of a review that are shown before the reader opens the rest."""
WORD_CHARACTERS = 30
"""How many fewer are shown at most, so that no word is cut."""
SERIES_DRAWN, NAME_DRAWN = 3, 18
"""Most series of a chart, since more can't be told apart, and most characters of a name in it."""
_BREAK = re.compile(r"<br[ \t\r\n]*/?>", re.IGNORECASE)
"""The tag `<br>`, which archives leave in their texts."""
_CUT_END = re.compile(r"(<(b(r[ \t\r\n]*/?)?)?|\r)\Z", re.IGNORECASE)
"""What the cut may leave at the end of a text: a part of the tag `<br>`, or of a line end."""
_MARKS = {"good": ("✓", "for"), "care": ("!", "to know"), "bad": ("✕", "against")}
_CODE = re.compile("`([^`]+)`")


def show_parts(parts: Iterable[Part], place: Place) -> Markup:
    """Return sections as HTML, those with charts within the one before them."""
    return Markup("\n").join(_show_parts([part for part in parts if part.rows or part.section.empty], place))


def _show_parts(parts: Sequence[Part], place: Place) -> Iterator[Markup]:
    """Yield the sections of a page."""
    is_open = False
    for is_chart, group in groupby(parts, key=lambda part: part.section.look in CHARTS):
        if is_chart:
            if not is_open:
                yield Markup("<section>")
            figures = Markup("\n").join(_show_figure(part) for part in group if part.rows)
            yield Markup('<div class="charts">\n{}\n</div>').format(figures)
            yield Markup("</section>")
            is_open = False
            continue
        for part in group:
            if is_open:
                yield Markup("</section>")
            name = make_slug(part.section.title)
            yield Markup('<section aria-labelledby="{0}">\n<h2 id="{0}">{1}</h2>').format(
                name, part.section.title
            )
            yield show_body(part, place)
            is_open = True
    if is_open:
        yield Markup("</section>")


def show_body(part: Part, place: Place) -> Markup:
    """Return the sentence of a section, its rows, and the command of its query."""
    look = _LOOKS[part.section.look] if isinstance(part.section.look, str) else part.section.look
    pieces = [show_words(part.words), look(part, place) if part.rows else "", show_command(part.command)]
    return Markup("\n").join(each for each in pieces if each)


def show_words(words: str, kind: str = "note") -> Markup:
    """Return a sentence as HTML; what stands in backticks is code."""
    if not words:
        return Markup()
    marked = _CODE.sub(r"<code>\1</code>", str(escape(escape_controls(words))))
    return Markup(f'<p class="{kind}">{marked}</p>')  # noqa: S704 (escaped)


def show_command(command: str) -> Markup:
    """Return the command that asks for the rows of a section."""
    return Markup('<p class="query">Query: <code>{}</code></p>').format(escape_controls(command))


def make_slug(title: str) -> str:
    """Return the id of a section or a chart."""
    return re.sub("[^a-z0-9]+", "-", title.lower()).strip("-")


def show_table(part: Part, place: Place) -> Markup:
    """Return the rows as a table, numbers at the right."""
    digits = {name: count_digits(row[name] for row in part.rows) for name, _ in part.columns}
    kinds = {name: ' class="n"' for name, _ in part.columns if _holds_numbers(part.rows, name)}
    head = "".join(
        f'<th scope="col"{kinds.get(name, "")}>{escape(heading)}</th>' for name, heading in part.columns
    )
    body = "\n".join(_show_row(part, row, place, digits) for row in part.rows)
    return box(
        f"Table: {part.section.title}",
        f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>",
    )


def _holds_numbers(rows: Sequence[Row], name: str) -> bool:
    """Return whether a column has numbers, and no pictures of them."""
    if name in ("low", "high"):
        return name == "high"
    value = next((row[name] for row in rows if row[name] is not None), None)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _show_row(part: Part, row: Row, place: Place, digits: dict[str, int]) -> str:
    """Return a row of a table; the first cell is its header."""
    cells = []
    for number, (name, _) in enumerate(part.columns):
        value = row[name]
        if name in ("low", "high"):
            low, high = row["low"], row["high"]  # a picture of the rating, and its figures
            between = NO_VALUE
            if low is not None and high is not None:
                between = f"{format_number(low, 1)} to {format_number(high, 1)}"
            picture = f"<td>{draw_range(low, row['stars'], high)}</td>"
            cells.append(picture if name == "low" else f'<td class="n">{between}</td>')
            continue
        shown, kind = format_cell(name, value, place, digits[name]), name_class(name, value)
        if shown == NO_VALUE and not kind:
            kind = name_class(name, next((each[name] for each in part.rows if each[name] is not None), None))
        cells.append(f'<th scope="row"{kind}>{shown}</th>' if number == 0 else f"<td{kind}>{shown}</td>")
    is_this = ' class="this"' if row.get("is_champion") or row.get("is_this") else ""
    return f"<tr{is_this}>{''.join(cells)}</tr>"


def box(label: str, content: str) -> Markup:
    """Return a part of a page that is scrolled where it is too wide; `content` is HTML."""
    return Markup('<div class="scroll" role="region" tabindex="0" aria-label="{}">\n{}\n</div>').format(
        label,
        Markup(content),  # noqa: S704 (escaped)
    )


def show_figures(part: Part, place: Place) -> Markup:
    """Return the values of the first row as large figures."""
    figures = (
        Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(
            heading,
            format_cell(name, part.rows[0][name], place, 1 if "stars" in name or "rating" in name else None),
        )
        for name, heading in part.columns
    )
    return Markup('<dl class="key">\n{}\n</dl>').format(Markup("\n").join(figures))


def show_facts(part: Part, place: Place) -> Markup:
    """Return the values of all rows as terms with their descriptions."""
    facts = (
        Markup("<dt>{}</dt><dd>{}</dd>").format(heading, format_cell(name, row[name], place))
        for row in part.rows
        for name, heading in part.columns
    )
    return Markup('<dl class="facts">\n{}\n</dl>').format(Markup("\n").join(facts))


def show_reviews(part: Part, place: Place) -> Markup:
    """Return reviews in columns by their kind: what the model says of each, its text, and where it is from."""
    lists = (
        Markup("<div>\n<h3>{}</h3>\n{}</div>").format(
            str(kind).capitalize(), Markup("").join(show_review(row, place) for row in rows)
        )
        for kind, rows in groupby(part.rows, key=lambda row: row["kind"])
    )
    return Markup('<div class="reviews">\n{}\n</div>').format(Markup("\n").join(lists))


def show_aspects(part: Part, place: Place) -> Markup:
    """Return aspects in columns by what is said of them: by how many reviews, and sentences of two."""
    lists = (
        Markup("<div>\n<h3>{}</h3>\n{}</div>").format(
            str(side).capitalize(), Markup("").join(map(_show_aspect, rows))
        )
        for side, rows in groupby(part.rows, key=lambda row: row["side"])
    )
    return Markup('<div class="reviews">\n{}\n</div>').format(Markup("\n").join(lists))


def _show_aspect(row: Row) -> Markup:
    """Return an aspect; `data-row` is as in `show_review`."""
    quotes = (
        Markup(
            '<p class="text" dir="auto" data-row="{0}">“{1}” <span class="meta id">{0}</span></p>\n'
        ).format(name, escape_controls(quote))
        for quote, name in ((row["quote"], row["row_name"]), (row["second_quote"], row["second_row_name"]))
        if quote
    )
    stars = (1 + 9 * row[name] for name in ("low", "share", "high"))  # the picture is that of a rating
    return Markup(
        '<article>\n<p class="score">{} <span>{} of {} reviews</span>{}</p>\n{}</article>\n'
    ).format(
        row["aspect"].capitalize(),
        row["reviews"],
        row["of_reviews"],
        draw_range(*stars),
        Markup("").join(quotes),
    )


def show_review(row: Row, place: Place) -> Markup:
    """Return a review; `data-row` names its row, by which pages that show a forgotten one are found."""
    name = escape(row["row_name"])
    sure = format_share(row["score"] if row["sentiment"] == "positive" else 1 - row["score"])
    movie = "" if row.get("movie_id") is None else f"{format_cell('movie_id', row['movie_id'], place)}, "
    review = "" if row["review_id"] is None else f"review {escape(cut_name(row['review_id']))}, "
    written = f"{row['written_on']}, " if row["written_on"] else ""
    uri = escape(cut_name(row["uri"] or NO_VALUE))
    article = (
        f'<article data-row="{name}">\n'
        f'<p class="score">{format_number(row["stars"], 1)} stars '
        f"<span>{sure} sure that it is {escape(row['sentiment'])}</span>{_show_given(row)}</p>\n{show_text(row)}"
        f'<p class="meta">{written}{movie}{review}{uri} <span class="id">{name}</span></p>\n'
        "</article>\n"
    )
    return Markup(article)  # noqa: S704 (escaped)


def _show_given(row: Row) -> str:
    """Return the stars of a review's writer, marked if they say the opposite of the model."""
    stars = row["given_rating"]
    if stars is None:
        return ""
    is_opposite = name_rated_sentiment(stars) not in (None, row["sentiment"])
    mark = '<strong class="tag care">' if is_opposite else "<span>"
    end = "</strong>" if is_opposite else "</span>"
    return f"{mark}its writer gave {round(stars, 1):g} {'star' if stars == 1 else 'stars'}{end}"


def show_text(row: Row) -> str:
    """Return the text of a review, of which the rest of a long one is opened by the reader."""

    def shown(part: str) -> str:
        return escape(escape_controls(part, keep="\n\t"))

    is_whole = row["characters"] <= len(row["text"])
    text = _clean(row["text"]) if is_whole else _CUT_END.sub("", _clean(row["text"]))
    end = "" if is_whole else "…"
    if len(text) <= TEXT_SHOWN:
        return f'<p class="text" dir="auto">{shown(text)}{end}</p>\n'
    near = range(TEXT_SHOWN, TEXT_SHOWN - WORD_CHARACTERS, -1)
    place = next((place for place in near if text[place] in " \t\n"), TEXT_SHOWN)
    first, rest = text[:place], text[place:]
    summary = f"{'The rest of the text' if is_whole else 'More of the text'} of {escape(row['row_name'])}"
    return (
        f'<p class="text" dir="auto">{shown(first)}…</p>\n<details>\n<summary>{summary}</summary>\n'
        f'<p class="text" dir="auto">…{shown(rest)}{end}</p>\n</details>\n'
    )


def _clean(text: str) -> str:
    """Return a text with one kind of line end."""
    return _BREAK.sub("\n", text.replace("\r\n", "\n"))


def draw_range(low: float | None, stars: float, high: float | None) -> Markup:
    """Return a picture of a rating between 1 and 10 stars, with its interval; the figures stand beside it."""
    span = "" if low is None or high is None else f'<path class="span" d="M{_place(low)} 6H{_place(high)}"/>'
    picture = (
        f'<svg class="range" viewBox="0 0 192 12" aria-hidden="true"><path d="M6 6H186"/>{span}'
        f'<circle cx="{_place(stars)}" cy="6" r="4.5"/></svg>'
    )
    return Markup(picture)  # noqa: S704 (numbers alone)


def _place(stars: float) -> str:
    """Return where a number of stars lies in the picture of a rating."""
    return f"{6 + 20 * (min(10.0, max(1.0, stars)) - 1):.0f}"


def _show_figure(part: Part) -> Markup:
    """Return a chart with its title, its sentence, a table of its figures, and the command of its query."""
    title = part.section.title
    return Markup(
        "<figure>\n<figcaption><strong>{}</strong><span>{}</span></figcaption>\n{}\n<details>\n"
        "<summary>Figures of “{}”</summary>\n{}\n</details>\n{}\n</figure>"
    ).format(
        title,
        part.words,
        Markup(draw_part(part)),  # noqa: S704 (escaped where it is drawn)
        title,
        show_table(part, Place()),
        show_command(part.command),
    )


def draw_part(part: Part) -> str:
    """Return the chart of a section as SVG, of which each column but the first is a series.

    If the second column has texts, these name the series, and the third one has the values.
    """
    section, columns, series = part.section, part.columns, _find_series(part)
    (x, x_heading), unit = columns[0], section.unit or columns[-1][1]
    caption = Caption(make_slug(section.title), section.title, part.words, (x_heading, unit))
    places = list(dict.fromkeys(row[x] for row in part.rows))
    labels = [cut_name(format_plain(x, each, 2), NAME_DRAWN) for each in places]
    values = {name: dict(points) for name, points in series.items()}
    if section.look in ("bars", "lying bars"):
        bars = [Series(name, [points.get(each) or 0 for each in places]) for name, points in values.items()]
        return draw_bars(caption, labels, bars, horizontal=section.look == "lying bars")
    is_scale = isinstance(places[0], int | float)
    lines = [
        Series(name, [*points.values()], [each if is_scale else places.index(each) for each in points])
        for name, points in values.items()
    ]
    style = LineStyle(
        diagonal="by chance" if section.look == "curve" else "",
        markers=len(places) <= 2 * SERIES_DRAWN * len(lines),
        whole_steps=isinstance(places[0], int) and len(places) < 10,
        labels=() if is_scale else labels,
        is_share=section.look == "shares",
    )
    return draw_lines(caption, lines, style)


def _find_series(part: Part) -> dict[str, list[tuple[Any, Any]]]:
    """Return the points of each series of a chart by its name; no more series than can be told apart."""
    (x, _), *others = part.columns
    first = others[0][0]
    found: dict[str, list[tuple[Any, Any]]] = {}
    if any(isinstance(row[first], str) for row in part.rows):
        for row in part.rows:
            found.setdefault(cut_name(str(row[first]), NAME_DRAWN), []).append((row[x], row[others[1][0]]))
    else:
        found = {heading: [(row[x], row[name]) for row in part.rows] for name, heading in others}
    drawn = {name: [each for each in points if each[1] is not None] for name, points in found.items()}
    return dict(list(drawn.items())[:SERIES_DRAWN])


def show_verdict(part: Part, place: Place) -> Markup:
    """Return a verdict with its reasons, the heaviest first: rows with a weight, a brief clause and words."""
    reasons = (
        Markup('<li><span class="mark {}" role="img" aria-label="{}">{}</span><span>{}</span></li>').format(
            row["weight"], _MARKS[row["weight"]][1], _MARKS[row["weight"]][0], escape_controls(row["words"])
        )
        for row in part.rows
    )
    return Markup('<div class="verdict {}">\n<p>{}</p>\n<ul>\n{}\n</ul>\n</div>').format(
        part.rows[0]["weight"], part.words, Markup("\n").join(reasons)
    )


_LOOKS: dict[str, Callable[[Part, Place], Markup]] = {
    "table": show_table,
    "figures": show_figures,
    "facts": show_facts,
    "reviews": show_reviews,
    "aspects": show_aspects,
    "verdict": show_verdict,
}
