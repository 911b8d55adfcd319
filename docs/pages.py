"""Pages with generated parts: a program replaces the text between two marks; the rest is written by hand.

A part begins with `<!-- MAKER: NAME -->`, where MAKER is the command that generates it, and ends with
`<!-- end: NAME -->`. Each mark is on a line of its own.
"""

import re
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parent
_BEGIN = re.compile(r"^<!-- (make \w+|python -m [\w.]+): (.+) -->$", re.MULTILINE)


@dataclass(frozen=True)
class Part:
    """A generated part of a page; `maker` is the command that generates it, such as `make docs`."""

    page: Path
    maker: str
    name: str


def list_parts(page: Path) -> list[Part]:
    """List the generated parts of a page in their order."""
    return [Part(page, *found.groups()) for found in _BEGIN.finditer(page.read_text("utf-8"))]


def read_part(part: Part) -> str:
    """Return the text between the marks of a part."""
    _, content, _ = _split(part)
    return content


def write_part(part: Part, content: str) -> None:
    """Replace the text between the marks of a part."""
    before, _, after = _split(part)
    part.page.write_text(f"{before}{content}{after}", "utf-8")


def _split(part: Part) -> tuple[str, str, str]:
    """Split a page into the text before, in and after a part; the marks belong to the outer texts."""
    begin, end = f"<!-- {part.maker}: {part.name} -->\n", f"\n<!-- end: {part.name} -->"
    before, begun, rest = part.page.read_text("utf-8").partition(begin)
    content, ended, after = rest.partition(end)
    if not (begun and ended):
        raise ValueError(f"{part.page}: has no part {begin.strip()} ... {end.strip()}")
    return before + begin, content, end + after
