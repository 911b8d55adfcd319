"""Tests that models are recorded with their figures, and that the last promotion determines the champion."""

import getpass
from dataclasses import asdict
from pathlib import Path
from socket import gethostname
from typing import Any

import pytest

from data_contracts.errors import BundleError, UsageError, WarehouseError
from models.evaluation.gate import Decision, GateCheck
from models.evaluation.metrics import Evaluation, RocCurve
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.model_registry import (
    find_champion,
    find_model,
    find_scoring_model,
    list_models,
    record_model,
)
from tasks.warehouse.promotion import Attempt, record_decision, roll_back
from tests.support.once import copy_once
from tests.support.promoting import promote_model


def make_facts(model_id: str, **other: Any) -> dict[str, Any]:
    evaluation = asdict(Evaluation(10, 0.9, 0.95, 0.25, 0.02, 4, 1, 5, 0, (), RocCurve((), ())))
    return {
        "model_id": model_id,
        "variant": "lstm",
        "seed": 3,
        "epochs": 2,
        "kept_epoch": 1,
        "history": [{"validation_log_loss": 0.3}],
        "metrics": {
            "validation": evaluation,
            "test": evaluation,
            "test_unseen_texts": {**evaluation, "accuracy": 0.8},
        },
        "baseline": {"test_accuracy": 0.91},
        "rows": {"train": 90, "validation": 10, "test": 100},
        "hyper_parameters": {"units": 100},
        "provenance": {"dataset": "sample"},
        "fingerprints": {"data": "d1", "code": "c1", "bundle": f"bundle of {model_id}"},
        "versions": {"python": "3.11"},
        "trained_at": "2026-03-01T12:00:00+00:00",
        **other,
    }


def record(warehouse: Path, *model_ids: str, champion: str | None = None) -> None:
    """Make a database with these models, the same ones once for all tests, and promote one of them."""

    def make(folder: Path) -> None:
        for model_id in model_ids:
            record_model(folder / warehouse.name, make_facts(model_id))
        if champion:
            promote_model(folder / warehouse.name, champion, "the first model")

    copy_once(("models", model_ids, champion), warehouse.parent, make)


def test_a_bundle_written_anew_renews_its_row(warehouse: Path) -> None:
    record(warehouse, "m1")
    anew = {"data": "d1", "code": "c2", "bundle": "of the second time"}
    record_model(warehouse, make_facts("m1", fingerprints=anew))
    assert [row["bundle_fingerprint"] for row in list_models(warehouse)] == ["of the second time"]


def test_the_model_promoted_last_is_the_champion(warehouse: Path) -> None:
    record(warehouse, "m1", "m2", champion="m1")
    promoted = promote_model(warehouse, "m2", "better")
    champion = find_champion(warehouse)
    assert champion == promoted
    assert champion is not None
    assert (champion.model_id, champion.bundle_fingerprint) == ("m2", "bundle of m2")
    assert (champion.number, champion.reason) == (2, "better")


@pytest.mark.slow
def test_a_promoted_model_is_named_by_the_beginning_of_its_id(warehouse: Path) -> None:
    record(warehouse, "m1", "m10", "m2", "m30", champion="m10")
    for model in ("m1", "m30"):
        promote_model(warehouse, model, "better")
    found = [find_scoring_model(warehouse, name) for name in ("m3", "m1", None)]
    assert [model and model.model_id for model in found] == ["m30", "m1", "m30"]
    with pytest.raises(UsageError, match="'m' begins the ids of several models: m1, m10, m30"):
        find_scoring_model(warehouse, "m")
    with pytest.raises(
        BundleError, match=r"'m2' is unknown or was never promoted.*Promoted are: m1, m10, m30\."
    ):
        find_scoring_model(warehouse, "m2")


def test_who_promoted_and_who_rolled_back_is_in_the_table_with_the_machine(warehouse: Path) -> None:
    record(warehouse, "m1", "m2", champion="m1")
    promote_model(warehouse, "m2", "better")
    roll_back(warehouse, "m2 was worse")
    with open_warehouse(warehouse, write=False) as connection:
        who = connection.execute("SELECT DISTINCT promoted_by FROM promotions").fetchall()
    assert who == [(f"{getpass.getuser()}@{gethostname()}",)]


@pytest.mark.slow
def test_rollbacks_are_rows_more_and_go_further_back_each_time(warehouse: Path) -> None:
    record(warehouse, "m1", "m2", "m3", champion="m1")
    for model_id in ("m2", "m3"):
        promote_model(warehouse, model_id, "better")
    assert roll_back(warehouse, "m3 was worse after all").model_id == "m2"
    assert roll_back(warehouse, "m2 too").model_id == "m1"
    assert read_promotions(warehouse)[3:] == [(4, "rollback", "m2", "m3"), (5, "rollback", "m1", "m2")]


def read_promotions(warehouse: Path) -> list[tuple[Any, ...]]:
    with open_warehouse(warehouse, write=False) as connection:
        query = "SELECT number, action, model_id, compared_with FROM promotions ORDER BY number"
        return connection.execute(query).fetchall()


def test_the_checks_of_a_decision_are_kept_row_by_row(warehouse: Path) -> None:
    record(warehouse, "m1", "m2", champion="m1")
    checks = (
        GateCheck("log_loss", False, "higher", 0.4, 0.3, -0.2, float("nan"), 40),
        GateCheck("cost", True, "as long"),
    )
    record_decision(warehouse, Attempt("m2", "auto", "run 1"), Decision(False, "no better", checks), "m1")
    record_decision(warehouse, Attempt("m2", "never"), Decision(False, "no better", checks[1:]), "m1")
    same = ("m2", "m1")
    assert read_checks(warehouse) == [
        (1, "cost", *same, "auto", False, True, "as long", None, None, None, None, "run 1", None),
        (1, "log_loss", *same, "auto", False, False, "higher", 0.4, 0.3, -0.2, None, "run 1", 40),
        (2, "cost", *same, "never", False, True, "as long", None, None, None, None, None, None),
    ]
    assert len(read_promotions(warehouse)) == 1


def test_a_decision_against_a_champion_of_before_promotes_no_one(warehouse: Path) -> None:
    record(warehouse, "m1", "m2", "m3", champion="m1")
    promote_model(warehouse, "m2", "meanwhile")
    decision = Decision(True, "better", (GateCheck("cost", True, "as long"),))
    with pytest.raises(WarehouseError, match=r"Another model became the champion.*reviews models promote m3"):
        record_decision(warehouse, Attempt("m3"), decision, "m1")
    assert read_checks(warehouse) == []


@pytest.mark.parametrize(("name", "found"), [("m1", "m1"), ("m12", "m12"), ("n", "n3"), ("champion", "n3")])
def test_a_model_is_found_by_its_id_its_beginning_or_as_the_champion(
    warehouse: Path, name: str, found: str
) -> None:
    record(warehouse, "m1", "m12", "n3", champion="n3")
    assert find_model(warehouse, name)["model_id"] == found


def read_checks(warehouse: Path) -> list[tuple[Any, ...]]:
    with open_warehouse(warehouse, write=False) as connection:
        query = 'SELECT decision, name, * EXCLUDE (decision, name, "at") FROM gate_checks ORDER BY ALL'
        return connection.execute(query).fetchall()
