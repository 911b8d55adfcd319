"""Tests of the metrics: their figures are those of SQL, and alerts and dashboard name only metrics that there are."""

import asyncio
import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
import yaml
from prefect.settings import PREFECT_API_URL, temporary_settings
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import ASGIApp

from data_contracts.storage.home import Home
from deployments.installation_paths import PROJECT_ROOT, RUNBOOK
from deployments.metrics import server_metrics
from deployments.metrics.home_metrics import (
    make_cached_reader,
    make_unscored_finder,
    read_samples,
    read_upkeep,
)
from deployments.metrics.metric_definitions import METRICS, SERVER_UP, Sample
from deployments.metrics.metrics_endpoint import Reader, make_metrics_app
from deployments.metrics.server_metrics import read_server_metrics
from deployments.settings import load_settings
from tasks.inbox.source_files import SourceFile, hash_file, look_into
from tasks.maintenance.verification import verify_home
from tasks.snapshots.home_backup import back_up_home
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.file_ledger import record_seen
from tasks.warehouse.latest_scores import rebuild
from tasks.warehouse.publishing import publish
from tests.support.asgi import Answered, ask_app, send_to
from tests.support.databases import borrow_tables
from tests.support.warehouse_parts import NOON
from tests.unit.view_tables import add_file, add_model, add_row, promote

MONITORING = PROJECT_ROOT / "deployments" / "monitoring"
ALERTS = yaml.safe_load((MONITORING / "alerts.yaml").read_text("utf-8"))["groups"][0]["rules"]
DASHBOARD = json.loads((MONITORING / "dashboard.json").read_text("utf-8"))
QUERIES = [rule["expr"] for rule in ALERTS]
QUERIES += [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
LABELS = {metric.name: {"home", *metric.labels} for metric in METRICS}

Figures = dict[str, dict[tuple[str, ...], float]]


def gather(samples: Iterator[Sample] | list[Sample]) -> Figures:
    """Return the values by metric and labels; of the same labels there is one value."""
    figures: Figures = {}
    for sample in samples:
        values = figures.setdefault(sample.metric.name, {})
        assert sample.labels not in values
        values[sample.labels] = sample.value
    return figures


# Of the database


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with borrow_tables() as made:
        add_model(made, "model-a", test_accuracy=0.9)
        promote(made, "model-a")
        yield made


@pytest.mark.slow
def test_the_figures_are_those_of_sql(connection: duckdb.DuckDBPyConnection) -> None:
    rows = [{"given_label": label} for label in ("positive", "positive", "negative")]
    add_file(connection, "f", rows)
    add_file(connection, "g", [{}], day=1)
    add_model(connection, "model-b", test_accuracy=0.5)
    add_file(connection, "g", [{}], day=2, model_id="model-b")
    refused = {"status": "refused", "rule": "no_text", "committed_at": NOON, "uri": "h", "source": "shop-a"}
    add_row(connection, "scored_files", source_sha256="h", model_id="model-a", **refused)
    for number in (1, 2):
        broken = {"rule": "text_blank", "quarantined_at": NOON, "uri": "f"}
        add_row(connection, "quarantined_rows", source_sha256="f", row_number=10 + number, **broken)
    for number, state in enumerate(("open", "open", "settled")):
        named = {"kind": "late_source", "subject": str(number), "level": "warning", "what": "", "next": ""}
        add_row(connection, "findings", number=number, state=state, first_seen=NOON, last_seen=NOON, **named)
    rebuild(connection)
    figures = gather(read_samples(connection))
    days = (NOON + timedelta(days=2), NOON)
    assert figures == {
        "reviews_rows_scored": {("model-a", "default"): 4, ("model-b", "default"): 1},
        "reviews_rows_quarantined": {("text_blank",): 2},
        "reviews_files_scored": {("default",): 2},
        "reviews_files_refused": {("shop-a", "no_text"): 1},
        "reviews_last_commit_timestamp_seconds": {(): days[0].timestamp()},
        "reviews_champion_info": {("model-a", "lstm"): 1},
        "reviews_champion_promoted_timestamp_seconds": {(): days[1].timestamp()},
        "reviews_champion_test_accuracy": {(): 0.9},
        "reviews_live_accuracy": {("default",): pytest.approx(2 / 3)},
        "reviews_live_accuracy_rows": {("default",): 3},
        "reviews_source_late": {("default",): 0},
        "reviews_findings": {("late_source", "warning"): 2},
    }


def test_a_refused_file_is_counted_until_another_file_of_its_name_came_after_it(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    add_model(connection, "model-b")
    add_file(connection, "scored before", [{}], day=0)
    ledger = {"source": "default", "model_id": "m", "status": "refused", "rule": "no_text"}
    for uri in ("corrected", "never", "scored before"):
        refused = {"source_sha256": f"broken {uri}", "uri": uri, "committed_at": NOON + timedelta(days=1)}
        add_row(connection, "scored_files", **ledger, **refused)
    add_file(connection, "scored before", [{}], day=2, model_id="model-b")
    add_file(connection, "corrected", [{}], day=2)
    connection.execute("UPDATE scored_files SET superseded_at = now() WHERE source_sha256 = 'corrected'")
    rebuild(connection)
    assert gather(read_samples(connection))["reviews_files_refused"] == {("default", "no_text"): 2}


def test_drift_is_that_of_the_last_run_of_the_champion(connection: duckdb.DuckDBPyConnection) -> None:
    reference = {"reviews": 100, "mean": 0.5, "critical_value": 1.0}
    add_row(connection, "reference_measures", model_id="model-a", measure="score", **reference)
    for number, lower in enumerate(("-infinity", 0.5), start=1):
        values = {"bin": number, "lower": lower, "reviews": 50}
        add_row(connection, "reference_bins", model_id="model-a", measure="score", **values)
    add_file(connection, "before", [{"score": 0.9}] * 30, run_id="run before")
    add_file(connection, "last", [{"score": 0.9}, {"score": 0.1}] * 15, day=1, run_id="last run")
    # A new source: later deliveries are compared with their own past.
    for table in ("scored_files", "scored_reviews"):
        connection.execute(f"UPDATE {table} SET source = 'shop' WHERE run_id = 'last run'")
    rebuild(connection)
    figures = gather(read_samples(connection))
    assert figures["reviews_drift_psi"][("score", "")] == pytest.approx(0, abs=1e-9)
    [[threshold]] = connection.execute("SELECT threshold FROM drift WHERE run_id = 'last run'").fetchall()
    assert figures["reviews_drift_threshold"] == {("score", ""): threshold}


def test_the_database_is_read_again_only_when_its_copy_was_replaced(tmp_path: Path) -> None:
    home = Home(tmp_path)
    publish(home)
    read = make_cached_reader(home.published, lambda: 1.0)
    first = read()
    assert read() is first
    publish(home)
    assert read() is not first


# Of the inbox


@pytest.mark.parametrize("status", ["scored", "refused"])
def test_a_file_waits_until_its_content_is_in_the_ledger_under_any_name(tmp_path: Path, status: str) -> None:
    home = Home(tmp_path / "home")
    home.inbox.mkdir(parents=True)
    find = make_unscored_finder(home)
    (home.inbox / "a.csv").write_text("one")
    assert [file.uri for file in find()] == ["a.csv"]
    seen = hash_file(look_into(home.inbox).files[0])
    assert isinstance(seen, SourceFile)
    record_seen(home.warehouse, [seen])
    ledger = {"status": status, "uri": seen.uri, "bytes": seen.size, "committed_at": NOON, "model_id": "m"}
    with open_warehouse(home.warehouse, write=True) as connection:
        add_row(connection, "scored_files", source_sha256=seen.source_sha256, **ledger)
    assert [file.uri for file in find()] == ["a.csv"]  # not published yet
    publish(home)
    assert find() == []
    (home.inbox / "copy-of-a.csv").write_text("one")
    (home.inbox / "b.csv").write_text("two")
    (home.inbox / "longer.csv").write_text("three")
    assert [file.uri for file in find()] == ["b.csv", "longer.csv"]
    (home.inbox / "a.csv").write_text("four")
    assert [file.uri for file in find()] == ["a.csv", "b.csv", "longer.csv"]


# Of the server


def test_where_no_server_is_named_none_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(server_metrics, "get_client", lambda sync_client: asked.append(sync_client))
    with temporary_settings({PREFECT_API_URL: None}):
        assert read_server_metrics(load_settings({})) == [Sample(SERVER_UP, (), 0)]
    assert asked == []


def test_a_server_that_is_away_is_not_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(sync_client: bool) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(server_metrics, "get_client", refuse)
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert read_server_metrics(load_settings({})) == [Sample(SERVER_UP, (), 0)]


# Of upkeep


def test_the_age_of_backup_and_check_and_the_free_disk_are_measured(tmp_path: Path) -> None:
    home = Home(tmp_path)
    publish(home)
    back_up_home(home, None, lambda line: None)
    verify_home(home, lambda line: None)
    figures = gather(read_upkeep(home))
    for name in ("reviews_backup_timestamp_seconds", "reviews_verified_timestamp_seconds"):
        assert figures[name][()] == pytest.approx(time.time(), abs=60)
    assert figures["reviews_promises_broken"] == {(): 0}
    assert figures["reviews_disk_free_bytes"][()] > 0


# As they are served


def make_app(home: Home, read_server: Reader = lambda: [Sample(SERVER_UP, (), 0)]) -> ASGIApp:
    settings = load_settings({"REVIEWS_HOME": str(home.folder), "REVIEWS_NAME": "shop-a"})
    return make_metrics_app(settings, ["127.0.0.1"], read_server)


def fetch(home: Home) -> str:
    """Return the metrics of a home as text."""
    return ask_app(make_app(home), "/metrics", accept="text/plain").body.decode()


def test_many_who_ask_at_once_get_what_is_read_once_while_the_app_goes_on(tmp_path: Path) -> None:
    read: list[int] = []

    def read_server() -> list[Sample]:
        read.append(threading.get_ident())
        return [Sample(SERVER_UP, (), 0)]

    app = make_app(Home(tmp_path), read_server)

    async def ask_often() -> list[Answered]:
        return await asyncio.gather(*(send_to(app, "/metrics") for _ in range(50)))

    assert {answered.status for answered in asyncio.run(ask_often())} == {200}
    assert len(read) == 1
    assert read != [threading.get_ident()]


def test_before_anything_is_published_the_other_metrics_are_served(tmp_path: Path) -> None:
    text = fetch(Home(tmp_path))
    served = {family.name: family.samples[0].value for family in text_string_to_metric_families(text)}
    assert text.count('{home="shop-a"}') == len(served)
    assert served.pop("reviews_disk_free_bytes") > 0
    assert served == {
        "reviews_published_readable": 0,
        "reviews_unscored_files": 0,
        "reviews_oldest_unscored_file_age_seconds": 0,
        "reviews_server_up": 0,
    }


def test_the_inbox_is_served_where_only_other_tables_of_the_copy_can_not_be_read(tmp_path: Path) -> None:
    home = Home(tmp_path)
    publish(home)
    with duckdb.connect(home.published) as damaged:
        damaged.execute("DROP VIEW deliveries")
    home.inbox.mkdir()
    (home.inbox / "waits.csv").write_text("text\nGood\n")
    text = fetch(home)
    assert 'reviews_published_readable{home="shop-a"} 0.0' in text
    assert 'reviews_unscored_files{home="shop-a"} 1.0' in text


def test_a_request_under_a_foreign_name_is_refused(tmp_path: Path) -> None:
    assert ask_app(make_app(Home(tmp_path)), "/metrics", host="rebound.test").status == 400


# The files for Prometheus and Grafana


@pytest.mark.parametrize("query", QUERIES)
def test_alerts_and_dashboard_name_only_metrics_and_labels_that_there_are(query: str) -> None:
    for name, selected in re.findall(r"(reviews_\w+)(?:\{([^}]*)\})?", query):
        assert name in LABELS
        assert set(re.findall(r"(\w+)\s*=", selected)) <= LABELS[name]


@pytest.mark.parametrize("query", QUERIES)
def test_no_alert_and_no_panel_mixes_homes(query: str) -> None:
    joined = re.findall(r"\b(?:on|by) ?\(([^)]*)\)", query.replace("on (job, instance)", ""))
    assert all("home" in each.split(", ") for each in joined)
    assert not re.search(r"\b(sum|vector|max|count)\(", query)


def test_every_metric_is_in_an_alert_or_on_the_dashboard() -> None:
    named = set(re.findall(r"reviews_\w+", " ".join(QUERIES)))
    assert LABELS.keys() - named == {"reviews_champion_promoted_timestamp_seconds", "reviews_files_scored"}


def test_every_alert_has_a_row_in_the_runbook_that_says_what_to_type() -> None:
    rows = dict(re.findall(r"^\| (Reviews\w+) \| (.*) \| .* \|$", RUNBOOK.read_text("utf-8"), re.MULTILINE))
    assert rows.keys() == {rule["alert"] for rule in ALERTS}
    assert all("`reviews " in row for row in rows.values())


@pytest.mark.process
@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not there")
@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("check", MONITORING / "alerts.yaml"),
        ("test", PROJECT_ROOT / "tests" / "support" / "alert_cases.yaml"),
    ],
)
def test_prometheus_accepts_the_alerts_and_each_cause_has_its_own(command: str, path: Path) -> None:
    arguments = ["promtool", command, "rules", str(path)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
