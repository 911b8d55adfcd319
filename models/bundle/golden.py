"""The golden texts: a bundle records their scores, and may score only on a machine where it gives the same scores.

`python -m models.bundle.golden BUNDLE CHECK.json` loads the bundle in a fresh process and compares its scores with
those in the file, an object of scores by text. It prints the largest difference and ends with status 0 if they agree.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from data_contracts.errors import BundleError
from models.bundle.reading_facts import read_facts
from models.bundle.scorer import Scorer, load_scorer, score_texts
from models.graphs.engine_interface import SAME_SCORE

GOLDEN_TEXTS = (
    "A warm and funny film with a perfect cast; I would happily watch it again tonight.",
    "Dull from the first minute to the last. The plot makes no sense and nobody seems to care.",
    "I expected very little, but the second half surprised me and the ending is wonderful.",
    "Everyone told me it was a masterpiece. It is not: slow, loud and far too long.",
    "Not bad at all.",
    "Not good at all.",
    "The photography is beautiful<br /><br />the script, sadly, is terrible.",
    "ok",
    "Zxqv wprt gllmn.",
    "It was " + "very " * 600 + "good",
    "It was " + "really " * 499 + "awful",
    "Une comédie légère, 10/10 !",
)


def require_golden_scores(bundle_dir: Path, scorer: Scorer) -> None:
    """Raise `BundleError` unless the scorer gives the golden texts the scores that the bundle records."""
    golden = {each["text"]: each["score"] for each in read_facts(bundle_dir).get("golden", ())}
    if not golden:
        raise BundleError(
            f"{bundle_dir}: has no golden scores, so it can't be checked that it scores here as where it was "
            "trained. It does not score. Next: train again."
        )
    difference = measure_difference(scorer, golden)
    if not difference <= SAME_SCORE:
        raise BundleError(
            f"{bundle_dir}: its golden texts score differently on this machine (by {difference:.2g}, allowed "
            f"{SAME_SCORE:g}), so it does not score. Next: install the libraries that requirements.lock names, or "
            "train on this machine."
        )


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


def measure_difference(scorer: Scorer, expected: Mapping[str, float]) -> float:
    """Return the largest difference between the scores of golden or other texts and their `expected` scores."""
    scores = score_texts(scorer, list(expected)).score
    return float(np.abs(scores - np.array(list(expected.values()))).max())


def _main(arguments: Sequence[str]) -> int:
    """Compare the scores of a bundle with expected ones, as the golden scores are compared, in this process."""
    bundle_dir, check_file = map(Path, arguments)
    expected: dict[str, float] = json.loads(check_file.read_text("utf-8"))
    difference = measure_difference(load_scorer(bundle_dir), expected)
    sys.stdout.write(f"{difference:.3g}\n")
    return 0 if difference <= SAME_SCORE else 1


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
