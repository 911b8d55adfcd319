"""Prints an explanation in the terminal, or as JSON for programs.

Colours are never the only mark: words that raise the score have a plus, words that lower it a minus. Rich prints no
colours if the output is no terminal or NO_COLOR is set. Control characters of a review are escaped.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, TextIO

from tasks.explain.explanation import SMALLEST_EFFECT, Explained
from tasks.explain.finding_text import FoundText
from tasks.pages.formatting import cut_name
from tasks.support.wording import count, escape_controls, format_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

WIDTH_OF_FILES = 100
"""Columns of a line if the output is no terminal."""
NARROWEST = 20
"""Fewest columns of a line, even if the terminal is narrower."""
LONGEST_WORD, LONGEST_GAP, LONGEST_UNREAD = 60, 60, 300
"""Most characters of a word, of the text between two words, and of the unread text; longer ones lose their middle."""
RAISES, LOWERS, DIMMED = "#3b82f6", "#d97706", "bright_black"
"""The colours of words that raise the score, of words that lower it, and of text that does not count."""
MARKED_FROM = 0.1
"""Share of the strongest contribution in a text from which a word in it is marked."""
LIMITS = (
    "This shows what moves the score, not why: each word was replaced by an unknown one and the text scored again. "
    "Words act together, so the figures do not add up."
)

NOTHING_MOVES = (
    "No word alone moves the score: the model knows none of the words, none has an effect by itself, or the score is "
    "too near to 0 or 1."
)


def write_explanation(explained: Explained, top: int, out: TextIO) -> None:
    """Print the score, the `top` words that moved it most, and the text with the moving words marked."""
    from rich.text import Text

    console = open_console(out)
    for text, indent in _draw_explanation(explained, top):
        for line in text.wrap(console, max(console.width - indent, NARROWEST)) or [Text()]:
            line.rstrip()
            console.print(Text(" " * indent) + line if line else line, emoji=False, soft_wrap=True)


def open_console(out: TextIO) -> "Console":
    """Return the console that prints to `out`, in the width of the terminal, and texts as they are."""
    from rich.console import Console

    return Console(file=out, width=None if out.isatty() else WIDTH_OF_FILES, highlight=False, markup=False)


def _draw_explanation(explained: Explained, top: int) -> Iterator[tuple["Text", int]]:
    """Yield the parts of the output, each with the number of columns to indent it by."""
    from rich.text import Text

    yield Text("\n".join(describe_score(explained))), 0
    yield Text(), 0
    yield _draw_words(explained, top), 2
    yield Text(), 0
    if explained.unread_stop:
        unread = count(explained.words_in_text - len(explained.read), "word")
        yield Text(f"Not read, the first {unread}:"), 0
        beginning = explained.source.text[: explained.unread_stop].strip()
        yield Text(_shorten_for_terminal(beginning, LONGEST_UNREAD), DIMMED), 2
        yield Text("Read:"), 0
    yield _draw_text(explained, top), 2
    yield Text(), 0
    yield Text(LIMITS), 0


def describe_score(explained: Explained) -> list[str]:
    """Return lines: which text it is, its score, what labels change in it, and how many words the model knows."""
    read, unknown = len(explained.read), sum(not word.is_known for word in explained.read)
    extent = "all read" if read == explained.words_in_text else f"the last {read:,} read"
    warning = ", so the score says nothing about the text" if unknown == read else ""
    rating = f"{explained.score:.4f}, {explained.sentiment}, {explained.predicted_rating:.1f} stars"
    source, labels = explained.source.source, []
    if explained.adapted_to is not None:
        alone = f"{explained.model_score:.4f} without them"
        labels = [f"  source {cut_name(explained.adapted_to)}: its labels are in the score, {alone}"]
    elif source is not None and explained.source.row is None:
        labels = [
            f"  source {cut_name(source)}: the model has learnt from no labels of a source of this name"
        ]
    return [
        _name_text(explained.source),
        f"  score  {rating}, by {explained.model_id}",
        *labels,
        f"  words  {explained.words_in_text:,}, {extent}; {unknown:,} of those not known to the model{warning}",
    ]


def _name_text(source: FoundText) -> str:
    """Return a name for a text, with its review, movie, row and file, safe to print in a terminal."""
    if source.row is None:
        return "A text that is in no table"
    review = "A review without an id" if source.review_id is None else f"Review {cut_name(source.review_id)}"
    movie = "" if source.movie_id is None else f" of movie {cut_name(source.movie_id)}"
    return f"{review}{movie}, row {source.row} of {cut_name(source.uri or '')}"


def _draw_words(explained: Explained, top: int) -> "Text":
    """Draw the table of the words that move the score most."""
    from rich.text import Text

    if not explained.moving:
        return Text(NOTHING_MOVES)
    shown = explained.moving[:top]
    drawn = Text(
        f"in logits   score without   times   word ({len(shown)} of {len(explained.moving):,} that move it)"
    )
    for word in shown:
        name = _shorten_for_terminal(word.word, LONGEST_WORD)
        drawn.append(
            f"\n{_format_signed(word.contribution):>9}   {word.score_without:>13.4f}   {word.times:>5,}   {name}",
            _choose_style(word.contribution),
        )
    return drawn


def _draw_text(explained: Explained, top: int) -> "Text":
    """Return the text that the model reads, with the contributions of the `top` strongest words and signs of others."""
    from rich.text import Text

    least = max(SMALLEST_EFFECT, MARKED_FROM * max(abs(word.contribution) for word in explained.read))
    marked = {word for word in explained.read if abs(word.contribution) >= least}
    named = set(sorted(marked, key=lambda word: (-abs(word.contribution), word.start))[:top])
    drawn, text, position = Text(), explained.source.text, explained.unread_stop
    for word in explained.read:
        drawn.append(_shorten_for_terminal(text[position : word.start], LONGEST_GAP))
        shown = _shorten_for_terminal(text[word.start : word.stop], LONGEST_WORD)
        figure = _format_signed(word.contribution)
        if not word.is_known:
            drawn.append(shown, f"italic {DIMMED}")
        elif word in marked:
            sign = figure if word in named else figure[0]
            drawn.append(f"{shown}[{sign}]", _choose_style(word.contribution))
        else:
            drawn.append(shown)
        position = word.stop
    drawn.append(_shorten_for_terminal(text[position:], LONGEST_GAP))
    return drawn


def _format_signed(number: float) -> str:
    """Return a number with its sign; a number that rounds to 0, or is not finite, becomes 0 without a sign."""
    shown = f"{number:+.2f}"
    return shown if math.isfinite(number) and float(shown) else "0.00"


def _choose_style(contribution: float) -> str:
    """Return the style in which the terminal shows a word, by its contribution."""
    return f"bold {RAISES if contribution > 0 else LOWERS}"


def _shorten_for_terminal(text: str, longest: int) -> str:
    """Return a text without its middle if it is longer than `longest`, with control characters escaped."""
    if len(text) > longest:
        head, tail = longest // 2, longest // 4
        text = f"{text[:head]}[… {len(text) - head - tail:,} characters …]{text[len(text) - tail :]}"
    text = re.sub(r"\n{3,}", "\n\n", text.replace("\r\n", "\n").replace("\t", " "))
    return escape_controls(text, keep="\n")


def write_explanation_as_json(explained: Explained, top: int, out: TextIO) -> None:
    """Write one JSON object: the score, the `top` words that moved it most, and each word read, with its position."""
    names = (
        "model_id",
        "score",
        "model_score",
        "adapted_to",
        "sentiment",
        "predicted_rating",
        "words_in_text",
    )
    found = {
        **asdict(explained.source),
        **{name: getattr(explained, name) for name in names},
        "words_read": len(explained.read),
        "words": [asdict(word) for word in explained.moving[:top]],
        "occurrences": [
            {"known" if name == "is_known" else name: value for name, value in asdict(word).items()}
            for word in explained.read
        ],
    }
    out.write(f"{format_json(found)}\n")
