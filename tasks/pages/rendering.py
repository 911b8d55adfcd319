"""Renders a page: its frame, its head, and its sections."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from tasks.pages.cells import Place
from tasks.pages.formatting import NO_VALUE, cut_name, format_number, format_share
from tasks.pages.looks import show_command, show_figures, show_parts, show_verdict, show_words
from tasks.pages.sections import CHARTS, Part
from tasks.support.wording import escape_controls

if TYPE_CHECKING:
    import jinja2

TEMPLATES = Path(__file__).parent / "templates"
STYLE = "style.css"
"""The file with the style, which pages of the site load."""


@dataclass(frozen=True)
class Frame:
    """What a page says beside its sections."""

    heading: str
    eyebrow: str = ""
    meta: str = ""
    title: str = ""
    """That of the window; '' for the heading."""
    foot: str = ""
    """The command that writes the page."""
    links: tuple[tuple[str, str], ...] = ()
    """Addresses and names of pages to which its head leads."""
    warning: str = ""
    note: str = ""
    here: str = ""
    """The page of the site that it is; '' for a report, which is of no site."""


def render_page(frame: Frame, parts: Sequence[Part], place: Place) -> str:
    """Return a page; the verdict and the figures with which it begins stand in its head."""
    head = list(takewhile(lambda part: part.section.look in ("verdict", "figures"), parts))
    return render(
        "page.html",
        frame=frame,
        head=Markup("\n").join(_show_head(part, place) for part in head if part.rows),
        body=show_parts(parts[len(head) :], place),
        has_charts=any(part.section.look in CHARTS for part in parts),
        root=place.root,
    )


def _show_head(part: Part, place: Place) -> Markup:
    """Return a part of the head of a page."""
    if part.section.look == "verdict":
        return show_verdict(part, place) + show_command(part.command)
    return show_figures(part, place) + show_words(part.words, "note aside") + show_command(part.command)


def format_style() -> str:
    """Return the style of all pages."""
    return (TEMPLATES / STYLE).read_text("utf-8")


def render(template: str, **values: Any) -> str:
    """Render a template of pages: every value is escaped, and an undefined name is an error."""
    return _load().get_template(template).render(**values)


@cache
def _load() -> "jinja2.Environment":
    """Return the environment of the templates."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_render_value,
        auto_reload=False,  # would look at the files of the templates for each page
    )
    environment.filters.update(number=format_number, share=format_share, name=cut_name)
    return environment


def _render_value(value: Any) -> Any:
    """Return a value as a template inserts it: a dash for None, and texts with control characters escaped."""
    if value is None:
        return NO_VALUE
    # Markup, a subclass of str, comes from our own code and is inserted unchanged.
    return escape_controls(value, keep="\n") if type(value) is str else value
