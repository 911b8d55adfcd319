"""Generates the lists of rules in docs/feeding.md from the contract of review files."""

from collections.abc import Mapping


def make_list(rules: Mapping[str, str]) -> str:
    """Return a Markdown list of rules: what is wrong, and what to do."""
    return "\n".join(f"- `{rule}`: {words}" for rule, words in rules.items())
