"""What moved a score, for the terminal and, as JSON, for programs.

Colours are never alone: what raises the score has a plus, what lowers it a minus. Rich leaves colours out where the
output is no terminal or NO_COLOR is set. No character of a review reaches the terminal that it would obey.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

from tasks.explain.explanation import Explained, FoundText, cut_pieces, write_signed
from tasks.pages.words import cut_name
from tasks.support.wording import count, escape_controls, format_json

if TYPE_CHECKING:
    from rich.text import Text

WIDTH_OF_FILES = 100
"""Columns of a line where the output is no terminal."""
NARROWEST = 20
"""Columns that a line may have at least, however narrow the terminal is."""
LONGEST_WORD, LONGEST_GAP, LONGEST_UNREAD = 60, 60, 300
"""Characters of a word, of what lies between two, and of what is not read; more are cut in the middle."""
RAISES, LOWERS, DIMMED = "#3b82f6", "#d97706", "bright_black"
SIGNED_FROM = 2
"""The level from which a word has its sign, in colour, without being one of the strongest."""
_STRENGTHS = ("", "", "bold", "bold underline")
"""By level."""
LIMITS = (
    "Leave-one-out shows what moves the score, not why: each word was replaced by an unknown one and the text scored "
    "again. Words act together, so the figures do not add up."
)

NOTHING_MOVES = "No word alone moves the score: the model knows none that it reads, or none counts by itself."


def write_explanation(explained: Explained, top: int, out: TextIO) -> None:
    """Write the score, the `top` words that moved it most, and the text with them marked."""
    from rich.console import Console
    from rich.text import Text

    console = Console(file=out, width=None if out.isatty() else WIDTH_OF_FILES, highlight=False, markup=False)
    for text, indent in _draw(explained, top):
        for line in text.wrap(console, max(console.width - indent, NARROWEST)) or [Text()]:
            line.rstrip()
            console.print(Text(" " * indent) + line if line else line, emoji=False, soft_wrap=True)


def _draw(explained: Explained, top: int) -> Iterator[tuple["Text", int]]:
    """Give the parts of what is shown, with the columns that each is indented by."""
    from rich.text import Text

    yield Text("\n".join(describe_score(explained))), 0
    yield Text(), 0
    yield _draw_words(explained, top), 2
    yield Text(), 0
    if explained.unread_stop:
        unread = count(explained.words_in_text - len(explained.read), "word")
        yield Text(f"Not read, the first {unread}:"), 0
        yield (
            Text(_shorten(explained.source.text[: explained.unread_stop].strip(), LONGEST_UNREAD), DIMMED),
            2,
        )
        yield Text("Read:"), 0
    yield _draw_text(explained, top), 2
    yield Text(), 0
    yield Text(LIMITS), 0


def describe_score(explained: Explained) -> list[str]:
    """Say which text it is, its score, and how much of it the model reads and knows."""
    read, unknown = len(explained.read), sum(not word.is_known for word in explained.read)
    much = "all read" if read == explained.words_in_text else f"the last {read:,} read"
    nothing = ", so the score says nothing of the text" if unknown == read else ""
    said = f"{explained.score:.4f}, {explained.sentiment}, {explained.predicted_rating:.1f} stars"
    return [
        name_source(explained.source),
        f"  score  {said}, by {explained.model_id}",
        f"  words  {explained.words_in_text:,}, {much}; {unknown:,} of those not known to the model{nothing}",
    ]


def name_source(source: FoundText) -> str:
    """Name a text by its review, row and file; harmless in a terminal."""
    if source.row is None:
        return "A text that is in no table"
    review = "A review without an id" if source.review_id is None else f"Review {cut_name(source.review_id)}"
    movie = "" if source.movie_id is None else f" of movie {cut_name(source.movie_id)}"
    return f"{review}{movie}, row {source.row} of {cut_name(source.uri or '')}"


def _draw_words(explained: Explained, top: int) -> "Text":
    from rich.text import Text

    if not explained.moving:
        return Text(NOTHING_MOVES)
    shown = explained.moving[:top]
    drawn = Text(
        f"in logits   score without   times   word ({len(shown)} of {len(explained.moving):,} that move it)"
    )
    for word in shown:
        name = _shorten(word.word, LONGEST_WORD)
        drawn.append(
            f"\n{write_signed(word.contribution, 2):>9}   {word.score_without:>13.4f}   {word.times:>5,}   {name}",
            _choose_style(word.contribution, 2),
        )
    return drawn


def _draw_text(explained: Explained, top: int) -> "Text":
    """Draw what is read; the `top` strongest places with their figures, others that are strong with their signs."""
    from rich.text import Text

    marked = [word for word in explained.read if word.level]
    named = set(sorted(marked, key=lambda word: -abs(word.contribution))[:top])
    drawn = Text()
    for piece in cut_pieces(explained):
        word = piece.word
        if word is None:
            drawn.append(_shorten(piece.text, LONGEST_GAP))
        elif not word.is_known:
            drawn.append(_shorten(piece.text, LONGEST_WORD), f"italic {DIMMED}")
        elif word in named or word.level >= SIGNED_FROM:
            figure = write_signed(word.contribution, 2)
            shown = f"{_shorten(piece.text, LONGEST_WORD)}[{figure if word in named else figure[0]}]"
            drawn.append(shown, _choose_style(word.contribution, word.level))
        else:
            drawn.append(_shorten(piece.text, LONGEST_WORD))
    return drawn


def _choose_style(contribution: float, level: int) -> str:
    return f"{_STRENGTHS[level]} {RAISES if contribution > 0 else LOWERS}".strip()


def _shorten(text: str, longest: int) -> str:
    """Cut a stretch of text in the middle, and write what a terminal would obey as it is spelt."""
    if len(text) > longest:
        head, tail = longest // 2, longest // 4
        text = f"{text[:head]}[… {len(text) - head - tail:,} characters …]{text[len(text) - tail :]}"
    text = re.sub(r"\n{3,}", "\n\n", text.replace("\r\n", "\n").replace("\t", " "))
    return escape_controls(text, keep="\n")


def write_explanation_as_json(explained: Explained, top: int, out: TextIO) -> None:
    """Write one object: the score, the `top` words that moved it most, and each word that is read at its place."""
    out.write(f"{format_json(_lay_out(explained, top))}\n")


def _lay_out(explained: Explained, top: int) -> dict[str, Any]:
    source = explained.source
    return {
        "review_id": source.review_id,
        "movie_id": source.movie_id,
        "row": source.row,
        "uri": source.uri,
        "model_id": explained.model_id,
        "score": explained.score,
        "sentiment": explained.sentiment,
        "predicted_rating": explained.predicted_rating,
        "words_in_text": explained.words_in_text,
        "words_read": len(explained.read),
        "text": source.text,
        "words": [
            {
                "word": word.word,
                "times": word.times,
                "contribution": word.contribution,
                "score_without": word.score_without,
            }
            for word in explained.moving[:top]
        ],
        "occurrences": [
            {
                "start": word.start,
                "stop": word.stop,
                "word": word.word,
                "known": word.is_known,
                "contribution": word.contribution,
                "score_without": word.score_without,
            }
            for word in explained.read
        ],
    }
