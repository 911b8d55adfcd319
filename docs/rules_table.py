"""Generates the tables of rules in docs/feeding.md from the contract of review files."""

from collections.abc import Mapping

from docs.markdown import escape_cell, format_table

COLUMNS = ("rule", "what is wrong, and what to do")


def make_table(rules: Mapping[str, str]) -> str:
    """Return a Markdown table of rules with their explanations."""
    rows = [[f"`{rule}`", escape_cell(words)] for rule, words in rules.items()]
    return format_table(COLUMNS, rows, words=len(COLUMNS))
