"""Renders findings: as lines of the terminal, of a log and of a message to a webhook, and for a page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tasks.findings.finding import KINDS, Finding
from tasks.pages.formatting import cut_name
from tasks.support.wording import escape_controls, quote_word

MOST_OF_A_KIND = 3
"""Findings of a kind that are shown where there are many."""
WORDS_SHOWN = 400
"""Most characters of a finding that a page shows."""


@dataclass(frozen=True)
class Shown:
    """A finding on a page."""

    title: str
    words: str
    next: str
    is_command: bool


def describe_finding(finding: Finding) -> str:
    """Return a finding in one line, with its next step."""
    step = "Then" if "Next: " in finding.what else "Next"  # an error says itself what to mend first
    return escape_controls(f"{finding.what.removesuffix('.')}. {step}: {finding.next}")


def list_lines(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield the lines of findings in the terminal."""
    yield from (f"  {KINDS[each.kind].word:<11} {describe_finding(each)}" for each in _shorten(findings))


def list_told(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield the lines of a message to a webhook, and of a log."""
    yield from map(describe_finding, _shorten(findings))


def show_on_page(findings: Sequence[Finding], home: Path) -> list[Shown]:
    """Return findings as a page shows them; its commands name the home, so that they can be copied."""
    shown = []
    for each in _shorten(findings):
        is_command = each.next.startswith(("reviews ", "REVIEWS_"))
        of_home = each.next.replace("reviews ", f"reviews --home {quote_word(str(home))} ", 1)
        step = escape_controls(of_home if is_command else each.next)
        title = f"{KINDS[each.kind].title}: {cut_name(each.subject)}"
        shown.append(Shown(title, cut_name(each.what, WORDS_SHOWN), step, is_command))
    return shown


def _shorten(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield of many findings of a kind the first ones, then one that says how many more there are."""
    for _, group in groupby(findings, key=lambda each: KINDS[each.kind].word):
        alike = list(group)
        yield from alike[:MOST_OF_A_KIND]
        if others := alike[MOST_OF_A_KIND:]:
            named = ", ".join(each.subject for each in others[:MOST_OF_A_KIND])
            what = f"And {len(others):,} more, such as {named}"
            yield Finding(others[0].kind, f"{len(others):,} more", what, KINDS[others[0].kind].lists)
