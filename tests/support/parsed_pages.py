"""Parses pages for tests: their elements with attributes, and their visible text."""

from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "input", "use", "path"}


class Page(HTMLParser):
    """A parsed page: its elements with their attributes, and its text outside of styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record an element without content."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Find the element's beginning."""
        if tag not in VOID:
            assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        """Record visible text."""
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    def count(self, tag: str) -> int:
        """Count the elements of a kind."""
        return sum(name == tag for name, _ in self.elements)

    def values(self, attribute: str) -> list[str]:
        """Return all values of an attribute."""
        return [str(attributes[attribute]) for _, attributes in self.elements if attribute in attributes]

    @property
    def text(self) -> str:
        """All visible text."""
        return "".join(self.words)
