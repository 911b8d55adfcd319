"""The contract of the training input, checked on a few summary numbers before the first batch.

The caller computes the numbers while it encodes the texts; the check costs the same for any number of rows.
Errors stop the training; warnings are recorded and shown. The thresholds hold for the Stanford archive (4,999
words, on average 9 % of a review's words unknown, 8 % of the reviews truncated) and for a small generated sample.
"""

from dataclasses import asdict, dataclass

from data_contracts.expectations import CheckResult, import_expectations, run_checks

BOUNDARY = "training_input"


@dataclass(frozen=True)
class TrainingInputSummary:
    """The summary numbers of the training input. All shares and rates are 0 to 1."""

    vocabulary_size: int
    """Words with an id of their own."""
    rows_train: int
    rows_validation: int
    positive_share_train: float
    positive_share_validation: float
    oov_rate_train: float
    """Mean over the training rows of the share of a text's words outside the vocabulary."""
    oov_rate_validation: float
    truncated_share: float
    """Share of all rows with more words than the model reads."""
    unknown_only_share: float
    """Share of all rows without any known word."""
    shared_titles: int
    """Titles with rows on both sides of the split."""


@dataclass(frozen=True)
class Bounds:
    """The allowed range of one number of the training input's summary, both ends included; None means no bound."""

    rule: str
    column: str
    severity: str
    lowest: float | None = None
    highest: float | None = None


BOUNDS = (
    Bounds("vocabulary_usable", "vocabulary_size", "error", lowest=50),
    Bounds("vocabulary_rich", "vocabulary_size", "warning", lowest=1_000),
    Bounds("train_rows_present", "rows_train", "error", lowest=20),
    Bounds("train_rows_many", "rows_train", "warning", lowest=1_000),
    Bounds("validation_rows_present", "rows_validation", "error", lowest=2),
    Bounds("validation_rows_many", "rows_validation", "warning", lowest=100),
    Bounds("train_has_both_labels", "positive_share_train", "error", 0.1, 0.9),
    Bounds("train_balanced", "positive_share_train", "warning", 0.4, 0.6),
    Bounds("validation_has_both_labels", "positive_share_validation", "error", 0.05, 0.95),
    Bounds("validation_balanced", "positive_share_validation", "warning", 0.35, 0.65),
    Bounds("train_words_known", "oov_rate_train", "error", 0.0, 0.5),
    Bounds("train_words_well_known", "oov_rate_train", "warning", 0.0, 0.2),
    Bounds("validation_words_known", "oov_rate_validation", "error", 0.0, 0.5),
    Bounds("validation_words_well_known", "oov_rate_validation", "warning", 0.0, 0.25),
    Bounds("reviews_fit", "truncated_share", "error", 0.0, 0.9),
    Bounds("most_reviews_fit", "truncated_share", "warning", 0.0, 0.25),
    Bounds("reviews_have_known_words", "unknown_only_share", "error", 0.0, 0.05),
    Bounds("nearly_all_have_known_words", "unknown_only_share", "warning", 0.0, 0.005),
    Bounds("titles_on_one_side", "shared_titles", "error", 0, 0),
)
"""Every threshold of the training input."""


def check_training_input(summary: TrainingInputSummary) -> list[CheckResult]:
    """Check the summary against `BOUNDS`: return one result per bound, in their order, with the number as `observed`.

    A number that is NaN breaks its bounds.
    """
    import pandas as pd

    # The frame has one row, so its maximum is the number itself; unlike row checks, this result shows the value.
    expectations = [
        import_expectations().ExpectColumnMaxToBeBetween(
            column=bounds.column,
            min_value=bounds.lowest,
            max_value=bounds.highest,
            severity="warning" if bounds.severity == "warning" else "critical",
            meta={"rule": bounds.rule},
        )
        for bounds in BOUNDS
    ]
    return run_checks(BOUNDARY, pd.DataFrame([asdict(summary)]), expectations)
