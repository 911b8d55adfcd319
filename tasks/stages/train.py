"""The stages of `train-model` as Prefect tasks. Each shows its progress and records its checks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from prefect import task
from prefect.assets import add_asset_metadata, materialize

from data_contracts.expectations import describe_failure
from data_contracts.storage.faults import pass_fault_point
from data_contracts.storage.home import Home
from models.bundle.golden import require_same_scores_in_fresh_process
from models.bundle.scorer import load_scorer
from models.evaluation.gate import Decision
from models.list_of_kinds import export_model
from models.tensorflow import CPU, Device, choose_device
from models.training.kind_of_model import Variant
from models.variants import find_variant
from tasks.archive.parquet_files import read_provenance
from tasks.maintenance.retention import TRAINING_DAYS, drop_old_trainings
from tasks.stages.events import emit_promoted
from tasks.stages.lineage import BUNDLE, PARQUET
from tasks.stages.log_messages import tell
from tasks.stages.retries import RETRY_TRANSIENT
from tasks.stages.run_page import judge_checks, show_live_progress
from tasks.support.code_version import fingerprint_code
from tasks.support.extras import require_training
from tasks.support.progress import show_progress
from tasks.training.adapting import find_same_training, fit_layers, save_adapted
from tasks.training.build_bundle import (
    CODE,
    TrainedBundle,
    TrainingJob,
    measure_baseline,
    measure_trained,
    save_bundle,
    score_for_fresh_process,
    train_on,
)
from tasks.training.contest import judge_challenger
from tasks.training.dataset import check_input, encode_rows, load_rows
from tasks.training.own_rows import FEWEST_LABELS, count_archive_labels, read_own_rows
from tasks.training.unfinished import forget_journal, keep_journal
from tasks.warehouse.model_registry import find_champion, list_models_of_code, record_model
from tasks.warehouse.promotion import Attempt, promote
from tasks.warehouse.run_log import Run

GPU_OF_THIS_MACHINE = Path("/dev/nvidia0")
NEXT_STEP = "look at the reviews Parquet, or run `reviews ingest` again; nothing was trained."


@dataclass(frozen=True)
class TrainingRequest:
    """What a run should train."""

    variant_name: str
    seed: int
    epochs: int | None
    """None for the variant's own number of epochs."""
    anew: bool = False
    """Whether the same training, if it was stopped, is begun anew instead of going on."""
    may_exist: bool = False
    """Whether a bundle of the very same training is taken where there is one."""
    device: Device = "auto"


def name_training(context: Any, parameters: Mapping[str, Any]) -> str:
    """Return a cache key over all that a training depends on, and its run: only a retry of the run finds the result."""
    run: Run = parameters["run"]
    request: TrainingRequest = parameters["request"]
    provenance = read_provenance(run.home.reviews)
    parts = [*vars(request).values(), run.home.bundles, run.run_id]
    code = fingerprint_code(("models", "data_contracts", "tasks"))
    return sha256(repr([*map(str, parts), provenance, code]).encode()).hexdigest()


@materialize(
    BUNDLE,
    asset_deps=[PARQUET],
    name="train-variant",
    cache_key_fn=name_training,
    persist_result=True,
    result_serializer="json",
    **RETRY_TRANSIENT,
)
def train(run: Run, request: TrainingRequest) -> TrainedBundle:
    """Train one variant and write its bundle; a fresh process must then give the same scores."""
    require_training()
    variant, home = find_variant(request.variant_name), run.home
    epochs = variant.epochs if request.epochs is None else request.epochs
    if request.may_exist and (same := _find_same(home, variant, request.seed, epochs)):
        record_model(home.warehouse, same.facts, fingerprint_code(CODE))
        return same
    if request.device == "gpu":
        choose_device("gpu")  # a machine without one is refused before anything is read
    rows = load_rows(home.reviews, with_unlabelled=variant.reads_unlabelled)
    encoded = encode_rows(rows, variant)
    checks = check_input(rows, encoded)
    judge_checks(run, checks, NEXT_STEP)
    job = TrainingJob(variant, request.seed, epochs, rows, encoded, load_device(request.device))
    rows_in_all = epochs * len(rows.train.texts)
    with (
        keep_journal(home, job, tell, anew=request.anew) as kept,
        show_live_progress(f"Training {variant.name}", rows_in_all) as report,
    ):
        journal = kept.begin(report)
        trained, seconds = train_on(job, journal), journal.count_seconds()  # those of a stopped training too
    with show_progress("Evaluating", None):
        exported = export_model(trained.model)
        figures = measure_trained(job, exported)
        figures |= {"baseline": measure_baseline(home.reviews, rows), "training_seconds": seconds}
    saved = save_bundle(home.bundles, job, trained, exported, figures)
    bundle = replace(saved, warnings=tuple(describe_failure(each) for each in checks if not each.success))
    expected = score_for_fresh_process(job, trained)
    require_same_scores_in_fresh_process(bundle.folder, expected)
    record_model(home.warehouse, bundle.facts, fingerprint_code(CODE))
    forget_journal(home, job)
    accuracy = bundle.facts["metrics"]["test"]["accuracy"]
    add_asset_metadata(
        BUNDLE, {"model_id": bundle.model_id, "test_accuracy": accuracy, **bundle.facts["rows"]}
    )
    return bundle


def load_device(device: Device) -> str:
    """Load TensorFlow, so that its import does not count as training time; return the name of what it computes on."""
    name = choose_device(device)
    if name != CPU:
        tell(f"Trains on {name}.")
    elif device == "auto" and GPU_OF_THIS_MACHINE.exists():
        tell(
            "Trains on the CPU: this machine has an NVIDIA GPU, which TensorFlow does not see. To use it, install the "
            "extra `gpu` (`make gpu` in a checkout)."
        )
    return name


def drop_trainings(home: Home) -> None:
    """Delete the checkpoints of trainings that were given up, and say so."""
    for name in drop_old_trainings(home):
        tell(
            f"The checkpoints of {name} are deleted: that training was stopped more than {TRAINING_DAYS} days ago."
        )


def _find_same(home: Home, variant: Variant, seed: int, epochs: int) -> TrainedBundle | None:
    """Return the bundle of the same training on the present data by the present code; None if there is none."""
    provenance = read_provenance(home.reviews)
    if provenance is None:
        return None
    of_code = list_models_of_code(home.warehouse, fingerprint_code(CODE))
    wanted = {
        "variant": variant.name,
        "hyper_parameters": variant.hyper_parameters(),
        "seed": seed,
        "epochs": epochs,
        "data": provenance.data_fingerprint,
    }
    champion = find_champion(home.warehouse)
    return find_same_training(home.bundles, wanted, of_code, champion.model_id if champion else None)


@task(name="learn-own-labels", **RETRY_TRANSIENT)
def learn_own_labels(base: TrainedBundle, home: Home) -> TrainedBundle:
    """Fit what the labels of each source change in its scores, and write a bundle with it; else return the base."""
    rows = read_own_rows(home, fewest=1)
    with show_progress("Learning from own labels", None):
        enough = [each for each in rows if each.labels >= FEWEST_LABELS]
        fitted = fit_layers(load_scorer(base.folder), enough)
    adapted = save_adapted(base, fitted, rows, count_archive_labels(home))
    record_model(home.warehouse, adapted.facts, fingerprint_code(CODE))
    return adapted


@task(name="decide-promotion", **RETRY_TRANSIENT)
def decide(attempt: Attempt, home: Home) -> Decision:
    """Compare the new model with the champion on the present validation rows, and promote it if the gate passes.

    A model whose bundle may not score is refused in every mode.
    """
    pass_fault_point("train: before promotion")
    champion = find_champion(home.warehouse)
    if champion is not None and champion.model_id == attempt.model_id:
        return Decision(False, "it is the champion already")

    decision = promote(home, attempt, partial(judge_challenger, home))
    if decision.promote:
        emit_promoted(home, attempt.model_id, decision.reason, champion.model_id if champion else None)
    return decision
