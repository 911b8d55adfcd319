"""Pages of which a part is made: what stands between two marks is replaced, the rest is written by hand."""

from pathlib import Path

DOCS = Path(__file__).parent
BEGIN, END = "<!-- make docs -->", "<!-- end: docs -->"


def read_made(page: Path) -> str:
    """Give what stands between the marks."""
    return page.read_text("utf-8").partition(BEGIN)[2].partition(END)[0].strip("\n")


def write_made(page: Path, content: str) -> None:
    """Put `content` between the marks."""
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{content}\n\n{END}{after}", "utf-8")
