"""Records a training with its model, for tests of its report."""

import json

from tests.support.filled_tables import FilledTables
from tests.support.report_homes import make_bundle_facts

MODEL = """
INSERT INTO models BY NAME SELECT
    $model AS model_id, 'lstm' AS variant, 0 AS seed, 'stanford' AS dataset, 'd' AS data_fingerprint,
    'c' AS code_fingerprint, 'b' AS bundle_fingerprint, max(started_at) AS trained_at, $metrics AS metrics,
    0.9 AS test_accuracy, 0.85 AS baseline_test_accuracy, 0.02 AS test_ece, 0.35 AS validation_log_loss,
    0.86 AS validation_accuracy
FROM runs
"""
TRAINED = "22222222-2222-4222-8222-222222222222"


def train(tables: FilledTables) -> None:
    """Let a training make `model-n` and promote it in place of `model-a`."""
    facts = make_bundle_facts()
    metrics = json.dumps({"evaluations": facts["metrics"], "history": facts["history"]})
    tables.run([], TRAINED, flow="train-model")
    tables.connection.execute(MODEL, {"model": "model-n", "metrics": metrics})
    tables.change(
        f'UPDATE runs SET counts = \'{{"model_id": "model-n", "decision": "it is better"}}\', '
        f"parameters = '{{\"promote\": \"always\"}}' WHERE run_id = '{TRAINED}'",
        "INSERT INTO promotions SELECT 2, 'promote', 'model-n', 'it is better', 'model-a', started_at, NULL, NULL "
        f"FROM runs WHERE run_id = '{TRAINED}'",
    )
