"""Sets up Jinja for pages: every value is escaped, control characters and characters that change direction too."""

import base64
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.pages.formatting import (
    NO_VALUE,
    cut_name,
    format_moment,
    format_number,
    format_share,
    format_size,
    format_text,
)
from tasks.support.wording import count, escape_controls

if TYPE_CHECKING:
    import jinja2

TEMPLATES = Path(__file__).parent / "templates"
"""The templates that all pages use."""


def make_environment(templates: Path, **filters: Callable[..., Any]) -> "jinja2.Environment":
    """Return a Jinja environment for a folder of templates, which extend `base.html`.

    Every value is escaped, and an undefined name is an error. Templates can use `filters` and the filters of all pages.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([templates, TEMPLATES]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_render_value,
        auto_reload=False,  # would look at the files of the templates for each page
    )
    environment.filters.update(
        number=format_number,
        share=format_share,
        name=cut_name,
        counted=count,
        moment=format_moment,
        size=format_size,
        text=format_text,
        digest=_digest,
        **filters,
    )
    return environment


def _render_value(value: Any) -> Any:
    """Return a value as a template inserts it: a dash for None, and texts with control characters escaped."""
    if value is None:
        return NO_VALUE
    # Markup, a subclass of str, comes from our own code and is inserted unchanged.
    return escape_controls(value, keep="\n") if type(value) is str else value


def _digest(style: str) -> str:
    """Return the sha256 of a style in base64, for the content security policy of a page."""
    return base64.b64encode(sha256(style.encode()).digest()).decode()
