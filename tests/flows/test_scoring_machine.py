"""Tests that a machine that only scores needs none of the libraries of the extra `train`."""

import subprocess
import sys

import pytest

from data_contracts.storage.home import Home
from deployments.installation_paths import PROJECT_ROOT
from tests.support.scoring_runs import CSV, drop

WITHOUT_TRAINING = """
import sys

for name in ("gensim", "keras", "onnx", "sklearn", "tensorflow"):
    sys.modules[name] = None
from flows.score_reviews import score_reviews
from flows.train_model import train_model
from tests.support.serverless import run_without_server

with run_without_server():
    summary = score_reviews()
    print(summary.rows_scored, bool(summary.report))
    train_model()
"""


@pytest.mark.process
def test_scoring_needs_no_library_of_training_and_training_says_how_to_install_them(
    scored_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REVIEWS_REPORTS")
    drop(scored_home, "more.csv", f"{CSV}r9,tt9,a fine film,8/10\n")
    command = [sys.executable, "-c", WITHOUT_TRAINING]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["3 True"], done.stderr
    message = done.stderr.splitlines()[-1]
    assert "needs the extra `train`" in message
    assert all(name in message for name in ("gensim", "keras", "onnx", "scikit-learn", "tensorflow"))
