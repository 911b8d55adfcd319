"""Loads a bundle if it can be trusted: it is unaltered, and gives its recorded scores on this machine."""

from pathlib import Path

from models.bundle.fingerprint import require_fingerprint
from models.bundle.golden import require_golden_scores
from models.bundle.scorer import Scorer, load_scorer


def load_blessed_scorer(bundle_dir: Path, expected_fingerprint: str) -> Scorer:
    """Load the scorer of an unaltered bundle that gives its golden texts the recorded scores on this machine.

    Raises `BundleError` for any other bundle. The caller checks whether the model was promoted.
    """
    require_fingerprint(bundle_dir, expected_fingerprint)
    scorer = load_scorer(bundle_dir)
    require_golden_scores(bundle_dir, scorer)
    return scorer
