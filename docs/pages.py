"""Pages of which parts are made: what stands between two marks is replaced, the rest is written by hand.

A part begins with `<!-- MAKER: NAME -->`, the command that makes it and its name, and ends with `<!-- end: NAME -->`,
each on a line of its own.
"""

import re
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parent
_BEGIN = re.compile(r"^<!-- (make \w+|python -m [\w.]+): (.+) -->$", re.MULTILINE)


@dataclass(frozen=True)
class Part:
    """A part of a page; `maker` is the command that makes it, such as `make docs`."""

    page: Path
    maker: str
    name: str


def list_parts(page: Path) -> list[Part]:
    """List the parts of a page in their order."""
    return [Part(page, *found.groups()) for found in _BEGIN.finditer(page.read_text("utf-8"))]


def read_part(part: Part) -> str:
    """Read what stands between the marks of a part."""
    _, content, _ = _split(part)
    return content


def write_part(part: Part, content: str) -> None:
    """Replace what stands between the marks of a part."""
    before, _, after = _split(part)
    part.page.write_text(f"{before}{content}{after}", "utf-8")


def _split(part: Part) -> tuple[str, str, str]:
    """Split a page into what is before, in and after a part; the marks are outside of it."""
    begin, end = f"<!-- {part.maker}: {part.name} -->\n", f"\n<!-- end: {part.name} -->"
    before, begun, rest = part.page.read_text("utf-8").partition(begin)
    content, ended, after = rest.partition(end)
    if not (begun and ended):
        raise ValueError(f"{part.page}: has no place {begin.strip()} ... {end.strip()}")
    return before + begin, content, end + after
