"""Tests that the webhook is told what needs a person, whoever started the run, and of each thing once."""

import errno
import os
from collections.abc import Sequence
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import httpx
import pytest
from click.testing import CliRunner

from data_contracts.storage.home import Home
from flows.command.cli import main
from tasks.warehouse.run_log import start_run
from tests.support.scoring_runs import CSV, describe, drop, run

pytestmark = pytest.mark.slow

HOOK = "http://127.0.0.1:1/hook"


class Hook:
    """A webhook that is there, or away."""

    def __init__(self) -> None:
        self.is_there = True
        self.received: list[dict[str, Any]] = []

    def post(self, url: str, *, json: dict[str, Any], timeout: float) -> httpx.Response:
        if not self.is_there:
            raise httpx.ConnectError("away")
        self.received.append(json)
        return httpx.Response(200, request=httpx.Request("POST", url))

    def take(self) -> Sequence[str]:
        """Return the texts that came since the last call."""
        texts = [each["text"] for each in self.received]
        self.received.clear()
        return texts


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch, scoring_home: Home) -> Hook:
    made = Hook()
    monkeypatch.setattr(httpx, "post", made.post)
    monkeypatch.setenv("REVIEWS_ALERT_URL", HOOK)
    return made


def test_a_run_without_a_deployment_tells_which_files_it_refused(scoring_home: Home, hook: Hook) -> None:
    drop(scoring_home, "good.csv", CSV)
    drop(scoring_home, "bad.csv", "")
    run()
    [text] = hook.take()
    assert text.startswith("score-reviews of ")
    assert str(scoring_home.folder) in text
    assert "bad.csv" in text
    assert "good.csv" not in text
    run()
    assert hook.take() == []


def test_a_bad_profile_is_told_of_once_as_long_as_it_lasts(scoring_home: Home, hook: Hook) -> None:
    describe(scoring_home, "no TOML", "shop-a")
    for name in ("a.csv", "b.csv"):
        drop(scoring_home, f"shop-a/{name}", CSV.replace("good", name))
        run()
    [text] = hook.take()
    assert "shop-a.toml" in text
    describe(scoring_home, '[columns]\ntext = "text"\n', "shop-a")
    run()
    describe(scoring_home, "no TOML again", "shop-a")
    drop(scoring_home, "shop-a/c.csv", CSV.replace("good", "great"))
    run()
    [text] = hook.take()
    assert "shop-a.toml" in text


def test_a_run_that_fails_tells_why(scoring_home: Home, hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(scoring_home, "a.csv", CSV)
    bundle = next(scoring_home.bundles.iterdir())
    bundle.rename(bundle.with_name("away"))
    for _ in range(2):
        with pytest.raises(Exception, match="bundle"):
            run()
    [text] = hook.take()
    assert "The run failed: " in text


def test_a_run_that_fails_for_an_error_of_the_system_tells_what_to_do(
    scoring_home: Home, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(scoring_home.spool))
    monkeypatch.setattr("flows.score_reviews.clear_spool", Mock(side_effect=full))
    with pytest.raises(OSError, match="No space"):
        run()
    [text] = hook.take()
    assert f"{scoring_home.spool}: {os.strerror(errno.ENOSPC)}. Next: free space on that disk" in text


def test_the_run_after_one_that_was_killed_tells_of_it_and_that_it_goes_on(
    scoring_home: Home, hook: Hook
) -> None:
    start_run(scoring_home.warehouse, str(uuid4()), "score-reviews", {}, None)
    run()
    [text] = hook.take()
    assert "was killed" in text
    assert "this run goes on with the rest" in text


def test_what_the_webhook_did_not_get_is_sent_with_the_next_run(scoring_home: Home, hook: Hook) -> None:
    drop(scoring_home, "bad.csv", "")
    hook.is_there = False
    run()
    hook.is_there = True
    run()
    [text] = hook.take()
    assert "bad.csv" in text


def test_a_finding_that_was_accepted_is_listed_shown_and_told_no_more(scoring_home: Home, hook: Hook) -> None:
    drop(scoring_home, "bad.csv", "")
    hook.is_there = False
    run()

    def call(*words: str) -> str:
        done = CliRunner().invoke(main, ["--home", str(scoring_home.folder), *words])
        assert done.exception is None or words == ("status",), done.output
        return done.output

    assert all("bad.csv" in call(word) for word in ("findings", "status"))
    call("findings", "accept", "1", "--reason", "an empty day")
    assert not any("bad.csv" in call(word) for word in ("findings", "status"))
    assert "an empty day" in call("findings", "--all")
    hook.is_there = True
    run()
    assert hook.take() == []
