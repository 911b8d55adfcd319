"""The gate: which model may score, and which challenger takes the champion's place."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_contracts.errors import BundleError, UsageError
from models.bundle import read_facts, require_unaltered
from models.evaluation import Evaluation
from models.scorer import SAME_SCORE, Scorer, load_scorer, score_texts

PROMOTE_MODES = ("auto", "never", "always")
SMALLEST_GAIN = 0.001
"""A challenger's validation log loss must be lower than the champion's by more than this, in nats."""


@dataclass(frozen=True)
class Decision:
    """Whether the challenger is promoted, and why, in words for people."""

    promote: bool
    reason: str


def decide_promotion(mode: str, challenger: Evaluation, champion: Evaluation | None) -> Decision:
    """Decide by the validation rows of the present data, on which both were evaluated anew.

    `auto`: the first model is promoted; a later one when its log loss is lower by more than `SMALLEST_GAIN`
    and its accuracy is not lower. `always` and `never` do what they say.
    """
    if mode not in PROMOTE_MODES:
        raise UsageError(f"--promote is one of {', '.join(PROMOTE_MODES)}, not {mode!r}.")
    if mode != "auto":
        return Decision(mode == "always", f"asked for: --promote {mode}")
    if champion is None:
        return Decision(True, "the first model")
    compared = (
        f"validation log loss {challenger.log_loss:.4f} against {champion.log_loss:.4f}, "
        f"accuracy {challenger.accuracy:.4f} against {champion.accuracy:.4f}"
    )
    if champion.log_loss - challenger.log_loss <= SMALLEST_GAIN:
        return Decision(False, f"no better than the champion: {compared}")
    if challenger.accuracy < champion.accuracy:
        return Decision(False, f"less accurate than the champion: {compared}")
    return Decision(True, f"better than the champion: {compared}")


def load_blessed_scorer(bundle_dir: Path, expected_fingerprint: str) -> Scorer:
    """Load a bundle that may score: unaltered, and on this machine with the scores that it was recorded with.

    Whether it was ever promoted is the caller's question. Raises `BundleError` otherwise.
    """
    require_unaltered(bundle_dir, expected_fingerprint)
    scorer = load_scorer(bundle_dir)
    golden = {each["text"]: each["score"] for each in read_facts(bundle_dir).get("golden", ())}
    if not golden:
        raise BundleError(
            f"{bundle_dir}: has no golden scores, so nothing tells whether it scores here as it did where it was "
            "trained. It does not score; train again."
        )
    found = score_texts(scorer, list(golden)).score
    difference = float(np.abs(found - np.array(list(golden.values()))).max())
    if not difference <= SAME_SCORE:
        raise BundleError(
            f"{bundle_dir}: its golden texts score differently on this machine (by {difference:.2g}, allowed "
            f"{SAME_SCORE:g}), so it does not score. Next: install the libraries that requirements.lock names, or "
            "train on this machine."
        )
    return scorer


def require_same_scores_in_fresh_process(bundle_dir: Path, expected: Mapping[str, float]) -> None:
    """Load the bundle in a new process and compare its scores with the trained model's, by text."""
    with tempfile.TemporaryDirectory() as folder:
        check_file = Path(folder) / "expected.json"
        check_file.write_text(json.dumps(dict(expected)), "utf-8")
        command = [sys.executable, "-m", "models.scorer", str(bundle_dir.resolve()), str(check_file)]
        result = subprocess.run(
            command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False
        )
    if result.returncode != 0:
        said = (result.stdout or result.stderr).strip().splitlines()
        raise BundleError(
            f"{bundle_dir}: a fresh process that loaded it does not give the trained model's scores "
            f"(largest difference allowed {SAME_SCORE:g}, found {said[-1] if said else 'nothing'}). "
            "It is not promoted; train again."
        )
