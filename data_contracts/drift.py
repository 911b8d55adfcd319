"""The contract of a run's scores: those of a source are like its past ones, its first ones like the held-out reviews.

The population stability index (PSI) measures how far the distribution of a measure has moved: the sum over bins
of (p - q) ln(p / q), where p is the run's share of a bin and q the reference's. The view `drift` computes it, for
the rows of each source, whose reference is what the model scored of it before, and for those of all new sources
together. This module computes the reference, which needs SciPy, and checks the result, which starts Great Expectations.

The PSI of n random reviews against m others is about (1/n + 1/m) times chi-squared with one degree of freedom less
than bins, so a fixed threshold raises false alarms on small runs. The threshold is therefore the PSI that random
reviews exceed with probability `FALSE_ALARMS`, and at least `SMALLEST_PSI`, the usual threshold of a relevant shift.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.expectations import CheckResult, import_expectations, run_checks

BOUNDARY = "drift"
MEASURES = ("score", "token_count", "oov_rate", "truncated")
"""The columns of `scored_reviews` that are checked for drift."""
BINS = 10
FALSE_ALARMS = 0.0005
"""The probability that random reviews exceed the threshold of one measure."""
SMALLEST_PSI = 0.1
"""The lowest threshold, whatever the number of reviews. The view `drift` repeats this number."""


@dataclass(frozen=True)
class ReferenceMeasure:
    """One measure of the held-out reviews, in bins of about equal counts."""

    reviews: int
    mean: float
    critical_value: float
    """The value that chi-squared for these bins exceeds with probability `FALSE_ALARMS`; 0 for a single bin."""
    lower: tuple[float, ...]
    """The lower ends of the second bin, the third, and so on; the first bin has none."""
    counts: tuple[int, ...]
    """Held-out reviews in each bin; one entry more than `lower`."""


@dataclass(frozen=True)
class MeasuredDrift:
    """One row of the view `drift`, which the contract on drift checks."""

    model_id: str
    source: str | None
    """The source whose rows are compared with its own past; None: those of new sources, with the held-out reviews."""
    measure: str
    reviews: int
    mean: float
    reference_mean: float
    psi: float
    threshold: float


def describe_reference(measures: Mapping[str, NDArray[Any]]) -> dict[str, ReferenceMeasure]:
    """Bin the measures of the held-out reviews, arrays of shape [n] by name; n must be at least 1."""
    return {name: _bin_measure(np.asarray(measures[name], dtype=np.float64)) for name in MEASURES}


def _bin_measure(values: NDArray[np.float64]) -> ReferenceMeasure:
    """Bin one measure of the held-out reviews, to which the contract of drift compares a run."""
    from scipy.stats import chi2

    quantiles = np.unique(np.quantile(values, np.arange(1, BINS) / BINS, method="higher"))
    lower = quantiles[quantiles > values.min()]
    if len(lower) == 0 and values.min() < values.max():
        lower = np.array([values.max()])  # quantiles miss a rare value, such as true in 'truncated'
    counts = np.bincount(np.searchsorted(lower, values, side="right"), minlength=len(lower) + 1)
    return ReferenceMeasure(
        reviews=len(values),
        mean=float(values.mean()),
        critical_value=float(chi2.ppf(1 - FALSE_ALARMS, len(lower))) if len(lower) else 0.0,
        lower=tuple(map(float, lower)),
        counts=tuple(map(int, counts)),
    )


def check_drift(found: Sequence[MeasuredDrift]) -> list[CheckResult]:
    """Check the rows of the view `drift` of one run; return one result for each."""
    import pandas as pd

    frame = pd.DataFrame({str(place): [each.psi] for place, each in enumerate(found)})
    expectations = [
        import_expectations().ExpectColumnValuesToBeBetween(
            column=str(place),
            max_value=each.threshold,
            severity="warning",
            meta={"rule": f"{each.measure}_like_{'before' if each.source else 'held_out'}"},
        )
        for place, each in enumerate(found)
    ]
    results = run_checks(BOUNDARY, frame, expectations)
    return [_describe_result(result, each) for result, each in zip(results, found, strict=True)]


def _describe_result(result: CheckResult, found: MeasuredDrift) -> CheckResult:
    """Return a result with the figures of drift in words."""
    reference = "of this source before" if found.source else "of held-out reviews"
    means = f"mean {found.mean:.3g}, {reference} {found.reference_mean:.3g}"
    return replace(
        result,
        columns=found.measure,
        source=found.source,
        observed=f"PSI {found.psi:.3f} over {found.reviews:,} reviews ({means})",
        expected=f"PSI at most {found.threshold:.3f}",
        unexpected_rows=(),
    )
