"""The stages of `train-model` as Prefect tasks: each shows its progress and records its checks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any

from prefect import task
from prefect.assets import add_asset_metadata, materialize

from data_contracts.expectations import describe_failure
from data_contracts.faults import pass_fault_point
from models.bundle.folder import require_unaltered
from models.bundle.scorer import Scorer, load_scorer
from models.evaluation.gate import Decision, GateCheck, require_same_scores_in_fresh_process
from models.tensorflow import load_tensorflow
from models.variants import find_variant
from tasks.archive.reviews_parquet import read_provenance
from tasks.stages.events import tell_promoted
from tasks.stages.lineage import BUNDLE, PARQUET
from tasks.stages.retries import WHEN_IT_MAY_PASS
from tasks.stages.run_page import judge_checks, show_live_progress
from tasks.support.code_version import fingerprint_code
from tasks.support.progress import show_progress
from tasks.training.build_bundle import (
    LabelledTexts,
    TrainedBundle,
    check_input,
    encode_rows,
    load_rows,
    measure_baseline,
    measure_trained,
    save_bundle,
    score_some,
    train_on,
)
from tasks.training.model_comparison import judge_challenger
from tasks.warehouse.model_registry import Champion, find_champion, record_model
from tasks.warehouse.promotion import Attempt, promote

NEXT_STEP = "look at the reviews Parquet, or run `reviews ingest` again; nothing was trained."


def name_training(context: Any, parameters: Mapping[str, Any]) -> str:
    """Name a training by all that it depends on, and by its run: a run that is retried does not train twice."""
    provenance = read_provenance(parameters["reviews_dir"])
    parts = [parameters[name] for name in ("variant_name", "seed", "epochs", "bundles_dir", "run_id")]
    code = fingerprint_code(("models", "data_contracts", "tasks"))
    return sha256(repr([*map(str, parts), provenance, code]).encode()).hexdigest()


@materialize(
    BUNDLE,
    asset_deps=[PARQUET],
    name="train-variant",
    cache_key_fn=name_training,
    persist_result=True,
    result_serializer="json",
    **WHEN_IT_MAY_PASS,
)
def train(
    variant_name: str,
    seed: int,
    epochs: int | None,
    reviews_dir: Path,
    bundles_dir: Path,
    warehouse: Path,
    run_id: str,
) -> TrainedBundle:
    """Train one variant and write its bundle; a fresh process must then give the same scores."""
    variant = find_variant(variant_name)
    rows = load_rows(reviews_dir, with_unlabelled=variant.reads_unlabelled)
    encoded = encode_rows(rows, variant)
    checks = check_input(rows, encoded)
    judge_checks(warehouse, run_id, checks, NEXT_STEP)
    passes = variant.epochs if epochs is None else epochs
    with show_live_progress(f"Training {variant.name}", passes * len(rows.train.texts)) as report:
        load_tensorflow()  # before the clock starts
        started = perf_counter()
        trained = train_on(rows, encoded, variant, seed, passes, report)
        seconds = perf_counter() - started
    with show_progress("Evaluating", None):
        measured = measure_trained(rows, encoded, trained, variant.sequence_length)
        baseline = measure_baseline(reviews_dir, rows)
    saved = save_bundle(bundles_dir, rows, encoded, trained, variant, seed, measured, baseline, seconds)
    bundle = replace(saved, warnings=tuple(describe_failure(each) for each in checks if not each.success))
    expected = score_some(trained, encoded, rows, variant.sequence_length)
    require_same_scores_in_fresh_process(bundle.folder, expected)
    record_model(warehouse, bundle.facts)
    accuracy = bundle.facts["metrics"]["test"]["accuracy"]
    add_asset_metadata(
        BUNDLE, {"model_id": bundle.model_id, "test_accuracy": accuracy, **bundle.facts["rows"]}
    )
    return bundle


@task(name="decide-promotion", **WHEN_IT_MAY_PASS)
def decide(
    bundle: TrainedBundle,
    mode: str,
    reviews_dir: Path,
    bundles_dir: Path,
    warehouse: Path,
    run_id: str | None = None,
) -> Decision:
    """Hold the new model against the champion on the present validation rows, and promote it if it earns it.

    One whose bundle may not score is refused, whatever the mode.
    """
    pass_fault_point("train: before promotion")
    champion = find_champion(warehouse)
    if champion is not None and champion.model_id == bundle.model_id:
        return Decision(False, "it is the champion already")

    def judge(challenger: Scorer, present: Champion | None) -> Sequence[GateCheck]:
        def load(champion: Champion) -> tuple[Scorer, Scorer, LabelledTexts]:
            champion_dir = bundles_dir / champion.model_id
            require_unaltered(champion_dir, champion.bundle_fingerprint)
            return challenger, load_scorer(champion_dir), load_rows(reviews_dir).validation

        return judge_challenger(present, load)

    with show_progress("Comparing with the champion", None):
        decision = promote(warehouse, bundles_dir, Attempt(bundle.model_id, mode, run_id), judge)
    if decision.promote:
        tell_promoted(bundle.model_id, decision.reason, champion.model_id if champion else None)
    return decision
