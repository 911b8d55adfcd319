"""Renders an explanation as one self-contained HTML page: no script, no font, no picture, no network.

The text of a review is escaped, characters that change the direction of text too, and the page's content security
policy lets a browser run and load nothing. Words that raise the score are blue with a straight line, words that lower
it orange with a wavy line; the stronger the effect, the thicker the line and the bolder the word. So the page can be
read in print and without colours too. The table has the figures.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from tasks.explain.explanation import Explained, cut_pieces, format_signed
from tasks.explain.terminal import NOTHING_MOVES, describe_score, name_source
from tasks.pages.formatting import BREAK, format_text
from tasks.pages.jinja_setup import make_environment

if TYPE_CHECKING:
    import jinja2


def render_page(explained: Explained, top: int) -> str:
    """Return the HTML page, with a table of the `top` words that moved the score most."""
    return (
        _make_environment()
        .get_template("explain.html")
        .render(
            source=name_source(explained.source),
            row=explained.source.row,
            facts=[fact.strip() for fact in describe_score(explained)[1:]],
            moving=explained.moving,
            top=top,
            nothing_moves=NOTHING_MOVES,
            pieces=cut_pieces(explained),
            unread=explained.source.text[: explained.unread_stop],
            unread_words=explained.words_in_text - len(explained.read),
        )
    )


@cache
def _make_environment() -> "jinja2.Environment":
    """Return the Jinja environment of the page of an explanation."""
    templates = Path(__file__).parent / "templates"
    return make_environment(templates, contribution=_format_contribution, lines=_format_lines)


def _format_contribution(logits: float) -> str:
    """Format a contribution for the page, with a typographic minus."""
    return format_signed(logits).replace("-", "−")


def _format_lines(text: str) -> Markup:
    """Return a text as HTML; a `<br />` in it becomes a line break."""
    return Markup("<br>").join(format_text(piece) for piece in BREAK.split(text))
