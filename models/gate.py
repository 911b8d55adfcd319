"""The gate: which model may score, and which challenger takes the champion's place."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from data_contracts.errors import BundleError, UsageError
from models.evaluation import Evaluation
from models.scorer import SAME_SCORE

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
