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
    return [_show(each, f"reviews --home {quote_word(str(home))} ") for each in _shorten(findings)]


def _show(finding: Finding, own: str) -> Shown:
    """Return what a page shows; `own` is how a command of the home begins."""
    is_command = finding.next.startswith(("reviews ", "REVIEWS_"))
    return Shown(
        f"{KINDS[finding.kind].title}: {cut_name(finding.subject)}",
        cut_name(finding.what, WORDS_SHOWN),
        escape_controls(finding.next.replace("reviews ", own, 1) if is_command else finding.next),
        is_command,
    )


def _shorten(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield of many findings of a kind the first ones, then one that says how many more there are."""
    for _, group in groupby(findings, key=lambda each: KINDS[each.kind].word):
        alike = list(group)
        yield from alike[:MOST_OF_A_KIND]
        if others := alike[MOST_OF_A_KIND:]:
            named = ", ".join(each.subject for each in others[:MOST_OF_A_KIND])
            what = f"And {len(others):,} more, such as {named}"
            yield Finding(others[0].kind, f"{len(others):,} more", what, KINDS[others[0].kind].lists)
