"""Keeps the pictures of pages: equal charts are drawn once per process, since a page has many and each takes long.

Tests of the charts themselves draw each.
"""

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tasks.pages import looks
from tasks.pages.svg_charts import draw_bars, draw_lines

Draw = Callable[..., str]
_DRAWN: dict[bytes, str] = {}


@contextmanager
def keep_drawn() -> Iterator[None]:
    """Keep what reports and the site draw while the block runs."""
    with pytest.MonkeyPatch.context() as patch:
        for draw in (draw_bars, draw_lines):
            patch.setattr(looks, draw.__name__, _draw_once(draw))
        yield


def _draw_once(draw: Draw) -> Draw:
    def find(*arguments: Any, **named: Any) -> str:
        key = pickle.dumps((draw, arguments, named))
        if key not in _DRAWN:
            _DRAWN[key] = draw(*arguments, **named)
        return _DRAWN[key]

    return find
