"""The words that programs write where there is no value."""

import re

NOTHING_WORDS = frozenset(
    (
        *("nan", "null", "none", "nat", "n/a", "na", "#n/a", "<na>", "nil", "undefined", r"\n"),
        *("-", "--", "–", "—"),
    )
)
"""In lower case; they stand for no date, label or rating. The one with a backslash is that of database dumps."""
NO_ID_WORDS = frozenset(
    (
        *("", r"\N", "nan", "NaN", "NAN", "null", "NULL", "Null", "None", "NaT"),
        *("<NA>", "#N/A", "N/A", "n/a", "undefined"),
    )
)
"""As programs write them, and blank: they stand for no id. Movies are called `none` and `-`."""
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
        *("#name?", "#ref!", "#value!", "#div/0!", "#null!", "#num!", "#error!", "#spill!", "#calc!"),
        "open-ended response",
        *("subtotal", "subtotals", "sub-total", "grand total"),
    )
)
"""Those that stand for no text too: also the errors of spreadsheets, sums, and SurveyMonkey's second header.

People write `none` as a review.
"""
SUM_WORDS = frozenset(
    ("total", "totals", "subtotal", "grand total", "sum", "average", "avg", "mean", "median", "count")
)
"""Texts, in lower case, that stand beside sums below a table: such a row may be no review."""


LONGEST_NO_TEXT = 64
"""Bytes up to which a text may stand for none."""
_FAULT = r"[\w' ]{0,20}(?:violat|breach|guideline|polic|spam|terms)[\w' ]{0,20}"
_BY = rf"(?: by [\w' ]{{1,30}}| (?:for|due to|because of) {_FAULT})?"
_REMOVED = re.compile(
    rf"[\[(<{{](?:\w+ )?(?:removed|deleted|redacted){_BY}[\])>}}]"
    r"|[\[(<{]?(?:(?:this|the|your) )?(?:review|comment|post|message|content|text) "
    rf"(?:(?:has been|was|is) )?(?:removed|deleted){_BY}[\])>}}.]*"
)
"""What a platform writes instead of a text that was taken away. `Deleted` alone may be what a user did with an app."""


_PAGE = re.compile(r"\W*page \d{1,5} (?:of|/) \d{1,5}\W*")
"""The foot of a page between the rows of a printed table."""


def stands_for_no_text(text: str) -> bool:
    """Return whether a text of at most `LONGEST_NO_TEXT` bytes is what programs write where a review has none."""
    word = text.strip().casefold()
    if word in NO_TEXT_WORDS or ("ed" in word and _REMOVED.fullmatch(word) is not None):
        return True
    return "page " in word and _PAGE.fullmatch(word) is not None


def is_nothing(text: str) -> bool:
    """Return whether a date, label or rating is blank or a word for nothing."""
    text = text.strip()
    return not text or text.casefold() in NOTHING_WORDS
