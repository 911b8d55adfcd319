"""What a run's scores promise: to look like those of the held-out reviews that the model was judged on.

Measured is how far the distribution of each measure has moved, by the population stability index (PSI): the sum
over bins of (p - q) ln(p / q), p being the run's share of a bin, q the reference's. The arithmetic is that of the
view `drift`; here are the reference that it compares with and the verdict. Needs numpy; the reference needs SciPy,
the verdict starts the engine.

The PSI of n random reviews against m others is about (1/n + 1/m) times chi-squared with one degree of freedom less
than bins, so a fixed threshold raises false alarms on small runs. The threshold is what random reviews exceed once in
1 / `FALSE_ALARMS` times, and at least `SMALLEST_PSI`, the usual one of a shift that matters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.expectations import CheckResult, import_expectations, run_checks

BOUNDARY = "drift"
MEASURES = ("score", "token_count", "oov_rate", "truncated")
"""The columns of `scored_reviews` that are looked at."""
BINS = 10
FALSE_ALARMS = 0.0005
"""How often random reviews may exceed the threshold of one measure."""
SMALLEST_PSI = 0.1
"""The lowest threshold, whatever the number of reviews; the view `drift` has the same."""


@dataclass(frozen=True)
class ReferenceMeasure:
    """One measure of the held-out reviews, in bins that hold about as many of them each."""

    reviews: int
    mean: float
    critical_value: float
    """What chi-squared of so many bins exceeds with the chance `FALSE_ALARMS`; 0 where there is one bin."""
    lower: tuple[float, ...]
    """Where the second bin begins, the third, and so on; the first has no lower end."""
    counts: tuple[int, ...]
    """Held-out reviews in each bin, one more than `lower`."""


@dataclass(frozen=True)
class MeasuredDrift:
    """One row of the view `drift`."""

    model_id: str
    measure: str
    reviews: int
    mean: float
    reference_mean: float
    psi: float
    threshold: float


def describe_reference(measures: Mapping[str, NDArray[Any]]) -> dict[str, ReferenceMeasure]:
    """Put the held-out reviews' measures, [n] each by name, into bins; n must be at least 1."""
    return {name: _describe_measure(np.asarray(measures[name], dtype=np.float64)) for name in MEASURES}


def _describe_measure(values: NDArray[np.float64]) -> ReferenceMeasure:
    from scipy.stats import chi2

    quantiles = np.unique(np.quantile(values, np.arange(1, BINS) / BINS, method="higher"))
    lower = quantiles[quantiles > values.min()]
    if len(lower) == 0 and values.min() < values.max():
        lower = np.array([values.max()])  # a rare value is all there is to tell apart, such as 'truncated'
    counts = np.bincount(np.searchsorted(lower, values, side="right"), minlength=len(lower) + 1)
    return ReferenceMeasure(
        reviews=len(values),
        mean=float(values.mean()),
        critical_value=float(chi2.ppf(1 - FALSE_ALARMS, len(lower))) if len(lower) else 0.0,
        lower=tuple(map(float, lower)),
        counts=tuple(map(int, counts)),
    )


def check_drift(found: Sequence[MeasuredDrift], severity: str) -> list[CheckResult]:
    """Judge what the view `drift` says of one run; one result per model and measure.

    `severity` is one of `DRIFT_SEVERITIES`.
    """
    return [result for each in found for result in _check_measure(each, severity)]


def _check_measure(found: MeasuredDrift, severity: str) -> list[CheckResult]:
    import pandas as pd

    expectation = import_expectations().ExpectColumnValuesToBeBetween(
        column="psi",
        max_value=found.threshold,
        severity="warning" if severity == "warn" else "critical",
        meta={"rule": f"{found.measure}_like_held_out"},
    )
    (result,) = run_checks(BOUNDARY, pd.DataFrame({"psi": [found.psi]}), [expectation])
    means = f"mean {found.mean:.3g}, of held-out reviews {found.reference_mean:.3g}"
    observed = f"PSI {found.psi:.3f} over {found.reviews:,} reviews ({means})"
    expected = f"PSI at most {found.threshold:.3f}"
    return [replace(result, columns=found.measure, observed=observed, expected=expected, unexpected_rows=())]
