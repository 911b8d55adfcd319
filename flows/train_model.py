"""The flow `train-model`: reviews Parquet → contract → bundle → gate → champion.

It reads what `ingest-reviews` wrote. The same variant and seed on the same data and the processors of the same
machine give the same model; on a GPU it may differ a little.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from prefect import flow
from pydantic import Field

from data_contracts.storage.faults import pass_fault_point
from deployments.home_of_deployment import load_settings_of_run
from flows.alerts import is_of_deployment, tell_at_end
from flows.recording import record_flow_run
from models.evaluation.gate import GateCheck
from models.tensorflow import Device
from models.variants import DEFAULT_VARIANT, list_variants
from tasks.findings.gathering import name_killed, refresh_findings
from tasks.stages import train as stages
from tasks.stages.publish import keep_snapshot, publish_copy
from tasks.stages.queue_turns import take_turn
from tasks.stages.run_page import name_failure, name_run
from tasks.stages.write_pages import report_run
from tasks.warehouse.promotion import Attempt


@dataclass(frozen=True)
class TrainingSummary:
    """Which model a run trained, its metrics, and whether it became the champion."""

    model_id: str
    facts: dict[str, Any]
    promoted: bool
    reason: str
    checks: tuple[GateCheck, ...]
    """The gate's checks; empty if the model was the champion already."""
    warnings: tuple[str, ...]
    report: str | None = None
    """Path of the run's report; None if reports are switched off or it could not be written."""


VariantName = Annotated[str, Field(json_schema_extra={"enum": list(list_variants())})]
"""The name of a variant; Prefect's run form offers all variants for selection."""


@flow(name="train-model", flow_run_name="train-model {variant} seed {seed}")
@take_turn()
@name_failure()
def train_model(
    variant: VariantName = DEFAULT_VARIANT,
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0,
    epochs: Annotated[int, Field(ge=1, le=1000)] | None = None,
    promote: Literal["auto", "never", "always"] = "auto",
    anew: bool = False,
    with_own: bool = False,
    device: Device = "auto",
) -> TrainingSummary:
    """Train one variant, evaluate it, and promote it if it passes the gate.

    Args:
        variant: name of the variant, as `reviews models variants` lists them.
        seed: random seed; the same seed gives the same weights on the same machine, but for a GPU.
        epochs: passes over the training rows. The default is the variant's own number.
        promote: 'auto' promotes the first model, and others if they pass the gate; 'always' ignores the gate's refusal;
            'never' does not promote.
        anew: begin anew. Without it, the same training goes on from its last checkpoint if it was stopped.
        with_own: also learn from the labels and ratings that sources gave. If the same model was trained before, only
            this is done.
        device: what the weights are computed on. 'auto' is a GPU if TensorFlow can use one, else the CPU; 'gpu' fails
            where there is none.
    """
    settings = load_settings_of_run()
    asked = {"variant": variant, "seed": seed, "epochs": epochs}
    parameters = {**asked, "promote": promote, "anew": anew, "with_own": with_own, "device": device}
    with tell_at_end("train-model", settings) as happened:
        with record_flow_run("train-model", parameters, settings) as run:
            happened += name_killed(run, is_of_deployment)
            stages.drop_trainings(settings.home)
            request = stages.TrainingRequest(
                variant, seed, epochs, anew=anew, may_exist=with_own and not anew, device=device
            )
            bundle = stages.train(run, request)
            if with_own:
                bundle = stages.learn_own_labels(bundle, settings.home)
            decision = stages.decide(Attempt(bundle.model_id, promote, run.run_id), settings.home)
            run.counts.update(bundle.facts["rows"], model_id=bundle.model_id, decision=decision.reason)
        pass_fault_point("train: after promotion")
        refresh_findings(settings.home, run.run_id)
        publish_copy(settings.home)
        keep_snapshot(settings.home, settings.snapshot_store, settings.keep_backups)
    report = report_run(run, settings.site_url) if settings.write_reports else None
    accuracy = bundle.facts["metrics"]["test"]["accuracy"]
    promoted = "promoted" if decision.promote else "not promoted"
    name_run(f"train-model {variant} seed {seed} accuracy {accuracy:.4f} {promoted}")
    return TrainingSummary(
        bundle.model_id,
        bundle.facts,
        decision.promote,
        decision.reason,
        decision.checks,
        bundle.warnings,
        report,
    )
