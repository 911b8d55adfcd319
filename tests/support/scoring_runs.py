"""Helpers of the tests of `score-reviews`: put in a file, run the flow, count rows."""

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from data_contracts.storage.home import Home
from deployments.settings import load_settings
from flows.grants import grant
from flows.score_reviews import score_reviews
from flows.scoring_message import ScoringSummary
from tasks.findings.finding import KINDS
from tasks.findings.rendering import describe_finding
from tasks.inbox import source_files
from tasks.maintenance.verification import verify_home
from tasks.scoring.plan import ScoringPlan
from tasks.stages import score as stages
from tests.support.forked import start
from tests.support.once import copy_folder
from tests.support.serverless import run_without_server
from tests.support.small_home import ask, copy_home, copy_scoring_home

CSV = "review_id,movie_id,text,rating\na,tt1,good film,8/10\nb,tt1,bad plot,2/10\nc,tt2,   ,5/10\n"
"""Two good rows and a bad one."""


def drop(home: Home, name: str, content: str | bytes) -> Path:
    """Put a file into the inbox."""
    path = home.inbox / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def describe(home: Home, profile: str, source: str) -> None:
    """Write the profile of a source."""
    home.sources.mkdir(exist_ok=True)
    (home.sources / f"{source}.toml").write_text(profile, "utf-8")


def prove(home: Home) -> None:
    """Run `reviews verify` on every row."""
    verify_home(home, lambda line: None)


def count(home: Home, table: str) -> int:
    """Count the rows of a table, or of any SQL after `from`."""
    return int(ask(home.warehouse, f"select count(*) from {table}")[0][0])


def run(**parameters: Any) -> ScoringSummary:
    """Run the flow as the command does, with any files."""
    with grant(parameters.get("files") or ()):
        summary = score_reviews(**parameters)
    assert isinstance(summary, ScoringSummary)
    return summary


def run_killed(home: Home, stage: str, call: int = 1, **parameters: Any) -> None:
    """Run the flow in a process that is killed when it calls a function of the stages for the `call`-th time."""
    process = start(_run_to_call, home.folder, stage, call, parameters)
    process.join()
    assert process.exitcode == -signal.SIGKILL


def _run_to_call(folder: Path, stage: str, call: int, parameters: Mapping[str, Any]) -> None:
    done, work = [], getattr(stages, stage)

    def work_or_die(*arguments: Any) -> Any:
        done.append(stage)
        return os.kill(os.getpid(), signal.SIGKILL) if len(done) == call else work(*arguments)

    setattr(stages, stage, work_or_die)
    source_files.GROUP_FILES = 1
    os.environ |= {"REVIEWS_HOME": str(folder), "REVIEWS_REPORTS": "false"}
    with run_without_server():
        run(**parameters)


def plan(**parameters: Any) -> ScoringPlan:
    """Run the flow as a dry run; return the plan."""
    with grant(parameters.get("files") or ()):
        found = score_reviews(**parameters, dry_run=True)
    assert isinstance(found, ScoringPlan)
    return found


def list_said(summary: ScoringSummary, word: str) -> list[str]:
    """Return the findings of a run whose line in the terminal begins with a word."""
    return [describe_finding(each) for each in summary.findings if KINDS[each.kind].word == word]


def list_refused(summary: ScoringSummary) -> list[str]:
    """Return the name, the rule and the detail of each file that a run refused."""
    return [said.replace(" refused, ", ": ", 1) for said in list_said(summary, "refused")]


@dataclass(frozen=True)
class DoneRun:
    """A run that several tests read, each of which copies its home before it changes something there."""

    home: Home
    summary: ScoringSummary

    def copy_home(self, home: Home) -> Home:
        """Copy the home to the path of another one, and return it."""
        copy_folder(self.home.folder, home.folder)
        home.folder.chmod(0o700)  # as runs make it
        return home

    def list_refused(self, *names: str) -> list[str]:
        """Return what the run said of refused files whose names begin so."""
        return [said for said in list_refused(self.summary) if said.startswith(names)]

    def list_unclear(self, *names: str) -> list[str]:
        """Return what the run found unclear in files whose names begin so."""
        return [said for said in list_said(self.summary, "unclear") if said.startswith(names)]


def run_once(folder: Path, fill: Callable[[Home], object], **parameters: Any) -> DoneRun:
    """Run the flow in a new home in `folder`, which `fill` makes with its model and its inbox."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REVIEWS_HOME", str(folder / "home"))
        home = load_settings().home
        fill(home)
        return DoneRun(home, run(**parameters))


def copy_scored_home(home: Home, files: Mapping[str, str | bytes]) -> Home:
    """Copy a home in which a run of the small model has scored the files, and return it."""

    def fill(made: Home) -> None:
        copy_scoring_home(made)
        for name, content in files.items():
            drop(made, name, content)
        run()

    digest = sha256(repr(files).encode()).hexdigest()[:16]
    return copy_home(home, f"scored-{digest}", fill)
