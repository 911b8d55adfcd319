"""What the ratings of a scored file promise: to be stars out of ten, as `given_rating` has them.

A file of ratings out of five reads as one of bad films: its 5 means the best, not the middle. Told by the scores: where
no rating is above 5, those from 4 up must not stand with praise. Judging starts the engine.
"""

from dataclasses import dataclass, replace

from data_contracts.expectations import CheckResult, import_expectations, run_checks

BOUNDARY = "rating_scale"
RULE = "ratings_out_of_ten"
FEWEST_RATINGS = 20
"""Ratings of a file from which on their scale is judged."""
HIGHEST_OF_FIVE = 5
GOOD_OF_FIVE = 4
"""The lowest rating that says praise, if it is out of five."""
MOST_PRAISE = 0.5
"""The share of the reviews with such a rating that may read as praise."""


@dataclass(frozen=True)
class LowRatings:
    """The ratings of one scored file of which none is above `HIGHEST_OF_FIVE`."""

    source_sha256: str
    uri: str
    ratings: int
    good: int
    """Those from `GOOD_OF_FIVE` up."""
    praise: int
    """Reviews of those whose sentiment is positive."""

    def can_be_judged(self) -> bool:
        """Tell whether the ratings are enough, with a good one among them, to tell their scale."""
        return self.ratings >= FEWEST_RATINGS and self.good > 0


def check_rating_scale(found: LowRatings) -> CheckResult:
    """Judge the ratings of one file, which must be such as can be judged; at worst the result is a warning."""
    import pandas as pd

    expectation = import_expectations().ExpectColumnValuesToBeBetween(
        column="praise", max_value=MOST_PRAISE, severity="warning", meta={"rule": RULE}
    )
    (result,) = run_checks(BOUNDARY, pd.DataFrame({"praise": [found.praise / found.good]}), [expectation])
    return replace(
        result,
        columns="given_rating",
        observed=f"{found.ratings:,} ratings, none above {HIGHEST_OF_FIVE}; of {found.good:,} from {GOOD_OF_FIVE} up "
        f"{found.praise:,} stand with praise",
        expected="stars out of ten, of which such ones mostly stand with blame",
        unexpected_count=0 if result.success else found.ratings,
        unexpected_rows=(),
        source_sha256=found.source_sha256,
    )
