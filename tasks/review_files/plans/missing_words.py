"""The words that programs write where there is no value."""

NOTHING_WORDS = frozenset(
    (
        *("nan", "null", "none", "nat", "n/a", "na", "#n/a", "<na>", "nil", "undefined", r"\n"),
        *("-", "--", "–", "—"),
    )
)
"""In lower case; they stand for no date, label or rating. The one with a backslash is that of database dumps."""
NO_TEXT_WORDS = frozenset(
    (
        *("nan", "null", "nat", "n/a", "na", "<na>", "#n/a", "undefined", r"\n"),
        *(
            "n.a.",
            "not applicable",
            "no comment",
            "no comments",
            "(no comment)",
            "no text",
            "<no text>",
            "no review",
        ),
        "open-ended response",
    )
)
"""Those that stand for no text too; the last is SurveyMonkey's second header. People write `none` as a review."""
SUM_WORDS = frozenset(
    ("total", "totals", "subtotal", "grand total", "sum", "average", "avg", "mean", "median", "count")
)
"""Texts, in lower case, that stand beside sums below a table: such a row may be no review."""


def is_nothing(text: str) -> bool:
    """Return whether a date, label or rating is blank or a word for nothing."""
    text = text.strip()
    return not text or text.casefold() in NOTHING_WORDS
