"""Makes the result of a failed check."""

from data_contracts.expectations import CheckResult


def make_failure(**changed: object) -> CheckResult:
    """Return the result of a failed check of the archive."""
    facts = {
        "boundary": "archive",
        "rule": "urls_match_reviews",
        "expectation": "expect_column_pair_values_to_be_equal",
        "columns": "urls",
        "severity": "error",
        "success": False,
        "observed": "2 | 3",
        "expected": "as long as\nits folder",
        "unexpected_count": 1200,
        "unexpected_rows": (("train", "pos"), ("test", "neg")),
    }
    return CheckResult(**{**facts, **changed})  # type: ignore[arg-type]
