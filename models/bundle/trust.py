"""Loads a bundle if it can be trusted: it is unaltered, and gives its recorded scores here and in a fresh process."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from data_contracts.errors import BundleError
from models.bundle.fingerprint import require_fingerprint
from models.bundle.golden import require_golden_scores
from models.bundle.scorer import Scorer, load_scorer
from models.graphs.engine import SAME_SCORE


def load_blessed_scorer(bundle_dir: Path, expected_fingerprint: str) -> Scorer:
    """Load the scorer of an unaltered bundle that gives its golden texts the recorded scores on this machine.

    Raises `BundleError` for any other bundle. The caller checks whether the model was promoted.
    """
    require_fingerprint(bundle_dir, expected_fingerprint)
    scorer = load_scorer(bundle_dir)
    require_golden_scores(bundle_dir, scorer)
    return scorer


def require_same_scores_in_fresh_process(bundle_dir: Path, expected: Mapping[str, float]) -> None:
    """Raise `BundleError` unless a new process that loads the bundle gives the `expected` scores, by text."""
    with tempfile.TemporaryDirectory() as folder:
        check_file = Path(folder) / "expected.json"
        check_file.write_text(json.dumps(dict(expected)), "utf-8")
        command = [sys.executable, "-m", "models.bundle.golden", str(bundle_dir.resolve()), str(check_file)]
        result = subprocess.run(
            command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
        )
    if result.returncode != 0:
        output = (result.stdout or result.stderr).strip().splitlines()
        raise BundleError(
            f"{bundle_dir}: a fresh process that loaded it does not give the trained model's scores "
            f"(largest difference allowed {SAME_SCORE:g}, found {output[-1] if output else 'nothing'}). "
            "It is not promoted; train again."
        )
