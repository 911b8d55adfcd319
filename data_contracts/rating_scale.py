"""The contract of the ratings of a scored file: they are stars out of ten, as `given_rating` requires.

Ratings out of five would look like ratings of bad films, because their 5 means the best and not the middle. The model's
scores reveal the scale: if no rating is above 5, reviews rated 4 or 5 must mostly be scored negative.
The check starts Great Expectations.
"""

from dataclasses import dataclass, replace

from data_contracts.expectations import CheckResult, import_expectations, run_checks

BOUNDARY = "rating_scale"
RULE = "ratings_out_of_ten"
FEWEST_RATINGS = 20
"""The fewest ratings of a file for which their scale is checked."""
HIGHEST_OF_FIVE = 5
GOOD_OF_FIVE = 4
"""The lowest rating that is praise on a scale of five."""
MOST_PRAISE = 0.5
"""The largest share, 0 to 1, of the reviews rated `GOOD_OF_FIVE` or more that may be scored positive."""


@dataclass(frozen=True)
class LowRatings:
    """The counts of one scored file in which no rating is above `HIGHEST_OF_FIVE`."""

    source_sha256: str
    uri: str
    ratings: int
    good: int
    """Ratings of `GOOD_OF_FIVE` or more."""
    praise: int
    """Reviews rated `GOOD_OF_FIVE` or more whose predicted sentiment is positive."""

    def can_be_judged(self) -> bool:
        """Return whether there are enough ratings, and at least one of `GOOD_OF_FIVE` or more, to check their scale."""
        return self.ratings >= FEWEST_RATINGS and self.good > 0


def check_rating_scale(found: LowRatings) -> CheckResult:
    """Check the rating scale of one file for which `can_be_judged` is true. A failure is a warning."""
    import pandas as pd

    expectation = import_expectations().ExpectColumnValuesToBeBetween(
        column="praise", max_value=MOST_PRAISE, severity="warning", meta={"rule": RULE}
    )
    (result,) = run_checks(BOUNDARY, pd.DataFrame({"praise": [found.praise / found.good]}), [expectation])
    return replace(
        result,
        columns="given_rating",
        observed=f"{found.ratings:,} ratings, none above {HIGHEST_OF_FIVE}; "
        f"{found.praise:,} of {found.good:,} reviews rated {GOOD_OF_FIVE} or more are scored positive",
        expected="stars out of ten, where most reviews with such ratings are scored negative",
        unexpected_count=0 if result.success else found.ratings,
        unexpected_rows=(),
        source_sha256=found.source_sha256,
    )
