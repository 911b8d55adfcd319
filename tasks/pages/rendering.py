"""Templates to pages: Jinja with everything escaped, control characters and turned directions spelled out."""

import base64
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.pages.words import (
    NOTHING,
    cut_name,
    write_moment,
    write_number,
    write_share,
    write_size,
    write_text,
)
from tasks.support.wording import count, escape_controls

if TYPE_CHECKING:
    import jinja2

TEMPLATES = Path(__file__).parent / "templates"
"""What all pages are made of."""


def make_environment(templates: Path, **filters: Callable[..., Any]) -> "jinja2.Environment":
    """Give the environment of a folder of templates: every value is escaped, and a name that is not there is an error.

    They extend `base.html`, and have `filters` beside those of all pages.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([templates, TEMPLATES]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_write_value,
    )
    environment.filters.update(
        number=write_number,
        share=write_share,
        name=cut_name,
        counted=count,
        moment=write_moment,
        size=write_size,
        text=write_text,
        digest=_digest,
        **filters,
    )
    return environment


def _write_value(value: Any) -> Any:
    """Write what a template puts into the page: nothing is a dash, and no text steers the page or its reader."""
    if value is None:
        return NOTHING
    # Markup is text of the templates' own.
    return escape_controls(value, keep="\n") if type(value) is str else value


def _digest(style: str) -> str:
    """Give the sha256 of a style as a page's policy names it."""
    return base64.b64encode(sha256(style.encode()).digest()).decode()
