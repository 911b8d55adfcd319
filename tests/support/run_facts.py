"""Makes the facts of a run for its report."""

from dataclasses import replace
from datetime import UTC, datetime

from tasks.report.run_choice import LoggedRun
from tasks.report.training_facts import TrainingFacts
from tests.support.report_homes import RUN, make_bundle_facts

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DONE = LoggedRun(RUN, "score-reviews", {}, "code", NOW, NOW, "completed", {})
TRAINED = TrainingFacts(
    run=replace(DONE, flow="train-model"),
    model={"model_id": "model-a"},
    bundle=make_bundle_facts(),
    decision="the first model",
    promotion={"number": 1, "at": NOW, "reason": "the first model", "compared_with": None},
    is_champion=True,
    variants=[],
    checks=[],
)
