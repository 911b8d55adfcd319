"""The stages of `score-reviews` as Prefect tasks. TensorFlow is loaded only where there is something to score."""

import functools
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import get_run_logger, task

from data_contracts.errors import BundleError
from data_contracts.expectations import require_success
from data_contracts.limits import RowLimits
from tasks.commit import CommitSummary, commit_parts
from tasks.inbox import Findings, PassedOver, SourceFile, hash_file, look_at_named, look_into
from tasks.ledger import find_unseen_sources, read_known_hashes, record_seen
from tasks.model_registry import Champion, find_champion
from tasks.progress import show_progress
from tasks.run_log import record_checks

if TYPE_CHECKING:
    from models.scorer import Scorer

NEXT_STEP = "this is a fault of the model or of this program: nothing of the group was committed."


@dataclass(frozen=True)
class Plan:
    """What a look at the inbox gave: files found, and those whose content was never scored or refused."""

    files_found: int
    new: tuple[SourceFile, ...]
    passed_over: tuple[PassedOver, ...]


@dataclass(frozen=True)
class GroupSummary:
    """What became of one group of files, small enough to hand between tasks."""

    part_dir: Path
    refused: tuple[str, ...]
    """One line a refused file: name, rule, detail."""
    postponed: tuple[PassedOver, ...]


def announce_wait(folder: Path) -> None:
    """Say that this run waits for another one, which scores into the same folder."""
    _warn(f"Another run is scoring into {folder}: waiting until it has ended.")


def _warn(message: str) -> None:
    get_run_logger().warning(message)
    sys.stderr.write(f"{message}\n")  # the command keeps Prefect's log off the terminal


@task(name="find-new-files")
def find_new_files(inbox: Path, named: Sequence[str] | None, warehouse: Path) -> Plan:
    """Find the files to score; a known file is not read, a copy of a known one is recognised by content.

    Files that were named are tried again if they were refused.
    """
    findings = look_at_named([Path(name) for name in named], inbox) if named else look_into(inbox)
    known, unknown_reasons = _hash_unknown(findings, warehouse)
    record_seen(warehouse, known)
    new = find_unseen_sources(warehouse, known, retry_refused=bool(named))
    return Plan(len(findings.files), tuple(new), (*findings.passed_over, *unknown_reasons))


def _hash_unknown(findings: Findings, warehouse: Path) -> tuple[list[SourceFile], list[PassedOver]]:
    """Give every file with its sha256, read anew only where name, size or time are not those known."""
    hashes = read_known_hashes(warehouse, findings.files)
    files: list[SourceFile] = []
    passed_over: list[PassedOver] = []
    unknown_bytes = sum(found.size for found in findings.files if found.uri not in hashes)
    with show_progress("Looking at new files", unknown_bytes) as report:
        for found in findings.files:
            if found.uri in hashes:
                files.append(SourceFile(found.uri, found.path, found.size, found.mtime_ns, hashes[found.uri]))
                continue
            hashed = hash_file(found)
            if isinstance(hashed, SourceFile):
                files.append(hashed)
            else:
                passed_over.append(hashed)
            report(found.size)
    return files, passed_over


@task(name="require-champion")
def require_champion(warehouse: Path, bundles_dir: Path) -> Champion:
    """Give the promoted model, its bundle unaltered; without one nothing is scored."""
    from models.bundle import require_unaltered

    champion = find_champion(warehouse)
    if champion is None:
        raise BundleError(
            "No model has been promoted yet, so nothing can be scored. Run `reviews train` first."
        )
    require_unaltered(bundles_dir / champion.model_id, champion.bundle_fingerprint)
    return champion


@task(name="score-files")
def score_files(
    files: Sequence[SourceFile],
    champion: Champion,
    bundles_dir: Path,
    parts_dir: Path,
    warehouse: Path,
    run_id: str,
    limits: RowLimits,
    text_column: str | None,
) -> GroupSummary:
    """Score one group of files into a part on disk; the checks are recorded whatever they say."""
    from tasks.review_files import ReadOptions
    from tasks.scoring import ScoringJob, keep_part, score_group

    options = ReadOptions(text_column=text_column)
    scorer = _load_scorer_once(bundles_dir / champion.model_id, champion.bundle_fingerprint)
    job = ScoringJob(scorer, parts_dir, run_id, limits, options)
    with show_progress(f"Scoring {_name_group(files)}", sum(file.size for file in files)) as report:
        outcome = score_group(job, files, report)
    record_checks(warehouse, run_id, outcome.checks)
    require_success(outcome.checks, NEXT_STEP)
    refused = tuple(
        f"{each.source.uri}: {each.rule}: {each.detail}" for each in outcome.files if each.status == "refused"
    )
    return GroupSummary(keep_part(outcome), refused, outcome.postponed)


@functools.lru_cache(maxsize=1)
def _load_scorer_once(bundle_dir: Path, fingerprint: str) -> "Scorer":
    """Load the champion, whose bundle has this fingerprint, once for all groups of a run."""
    from models.scorer import load_scorer

    return load_scorer(bundle_dir)


def _name_group(files: Sequence[SourceFile]) -> str:
    return Path(files[0].uri).name if len(files) == 1 else f"{len(files)} files"


@task(name="commit-part")
def commit(part_dir: Path, warehouse: Path) -> CommitSummary:
    """Commit one part in one transaction; then it is no longer needed."""
    summary = commit_parts(warehouse, part_dir)
    shutil.rmtree(part_dir)
    return summary


def commit_leftovers(parts_dir: Path, warehouse: Path) -> list[CommitSummary]:
    """Commit the parts that an earlier run scored but did not commit, and remove what it left half made.

    A part that was damaged since is removed too: its files are not in the ledger, so they are scored again.
    """
    for unfinished in parts_dir.glob(".*.tmp"):
        shutil.rmtree(unfinished, ignore_errors=True)
    from tasks.scoring import is_undamaged

    commits = []
    for part_dir in sorted(path for path in parts_dir.glob("*") if path.is_dir()):
        if is_undamaged(part_dir):
            commits.append(commit(part_dir, warehouse))
        else:
            _warn(f"{part_dir}: a part of an earlier run was damaged; its files are scored anew.")
            shutil.rmtree(part_dir)
    return commits
