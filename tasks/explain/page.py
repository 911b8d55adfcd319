"""What moved a score, as one HTML page that needs nothing else: no script, no font, no picture, no network.

Whatever a review holds is text there: it is escaped, characters that turn the direction of text are spelt out, and the
page's own policy lets a browser run and load nothing. What raises the score is blue on a straight line, what lowers it
orange on a wavy one, thicker and bolder the more it does, so that it reads in print and without colours too; the table
has the figures.
"""

import re
from pathlib import Path

from markupsafe import Markup

from tasks.explain.explanation import Explained, cut_pieces, write_signed
from tasks.explain.terminal import NOTHING_MOVES, describe_score, name_source
from tasks.pages.rendering import make_environment
from tasks.pages.words import write_text

_BREAK = re.compile(r"&lt;br[ \t\n]*/?&gt;", re.IGNORECASE)
"""As it stands in an escaped text."""


def draw_page(explained: Explained, top: int) -> str:
    """Give the page with the `top` words that moved the score most, as HTML."""
    templates = Path(__file__).parent / "templates"
    environment = make_environment(templates, contribution=_write_contribution, lines=_write_lines)
    return environment.get_template("explain.html").render(
        source=name_source(explained.source),
        facts=[fact.strip() for fact in describe_score(explained)[1:]],
        moving=explained.moving,
        top=top,
        nothing_moves=NOTHING_MOVES,
        pieces=cut_pieces(explained),
        unread=explained.source.text[: explained.unread_stop],
        unread_words=explained.words_in_text - len(explained.read),
    )


def _write_contribution(logits: float) -> str:
    return write_signed(logits, 2).replace("-", "−")


def _write_lines(text: str) -> Markup:
    """Write a text; the one element of HTML that archives leave in texts, `<br />`, breaks the line."""
    return Markup(_BREAK.sub("<br>", write_text(text)))  # noqa: S704 - the text is escaped
