"""Review files to scored parts: read, check row by row, score the good rows, set the bad ones aside.

A part is a folder of four Parquet files, named like the tables that they go into; it is made under a
temporary name and renamed when it is whole and checked, so a part that is there may be committed. Nothing here
opens the database: parts are independent of each other, only the commit is not. Needs ONNX Runtime, by the scorer.
"""

import shutil
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data_contracts.durable import put_in_place, remove_leftovers, start_folder
from data_contracts.errors import FileRefusedError
from data_contracts.expectations import CheckResult
from data_contracts.faults import pass_fault_point
from data_contracts.limits import RowLimits, exceeds_bad_rows
from data_contracts.parts import (
    CARRIED_COLUMNS,
    LEDGER_SCHEMA,
    PART_SCHEMAS,
    QUARANTINE_SCHEMA,
    SOURCE_SCHEMA,
)
from data_contracts.review_files import (
    NO_KNOWN_WORD,
    SCORER_FAILED,
    SCORING_RULES,
    check_rows,
    measure_rows,
    merge_results,
)
from data_contracts.scored_reviews import SCORED_SCHEMA, check_scored_rows, name_sentiments
from models.bundle.scorer import EncodedTexts, ScoredTexts, Scorer, encode_texts, score_encoded
from models.evaluation.stars import rate_stars
from models.tokenizer import find_worded
from tasks.inbox.source_files import PassedOver, SourceFile, has_changed
from tasks.review_files.reader import ReadOptions, format_of, read_review_file
from tasks.scoring.bad_rows import can_only_be_refused, measure_kept, require_bounded
from tasks.support.interruption import stop_if_interrupted
from tasks.support.refusals import refusal

CHUNK_ROWS = 16_384
"""Rows that are checked and scored at a time; small files go together."""
CHUNKS_AHEAD = 2
"""Chunks whose words are being found or that are being scored, while the next one is read."""
CHUNK_BYTES = 32 * 2**20
"""Bytes of rows at which a chunk is full before it has as many rows."""
MOST_FAILED_ROWS = 16
"""Rows of a chunk on which the scorer may fail; where it fails on more, the rows are not the cause."""
TOLD_BEFORE_END = 0.9
"""Share of a file's bytes that is told of before its end, by the bytes of its rows."""

_REPEATED = ["source_sha256", "uri", "member", "model_id", "run_id", "sentiment"]
"""Columns of a part with few values, which are written once."""

Write = Callable[[str, pa.Table], None]


class HasContent(Protocol):
    """Something that is known by the sha256 of the bytes of its source file."""

    @property
    def source_sha256(self) -> str:
        """The sha256 in hex."""


@dataclass(frozen=True)
class ScoringJob:
    """What is the same for every group of one run."""

    scorer: Scorer
    parts_dir: Path
    run_id: str
    limits: RowLimits = field(default_factory=RowLimits)
    options: ReadOptions = field(default_factory=ReadOptions)


@dataclass(frozen=True)
class FileOutcome:
    """What became of one source file; `rule` and `detail` say why where its status is 'refused'."""

    source: SourceFile
    status: str
    rule: str | None
    detail: str | None
    rows_read: int
    rows_bad: int


@dataclass(frozen=True)
class GroupOutcome:
    """What became of a group of files, and every check that was made."""

    building: Path
    """Where its part lies until `keep_part` is called; what is left there is removed by the next run."""
    part_dir: Path
    """Where its part lies from then on."""
    files: tuple[FileOutcome, ...]
    postponed: tuple[PassedOver, ...]
    """Files that could not be read or changed meanwhile: nothing of them is in the part."""
    checks: tuple[CheckResult, ...]


@dataclass(frozen=True)
class _Tally:
    """What was counted so far, by source sha256."""

    rows_read: Counter[str] = field(default_factory=Counter)
    rows_bad: Counter[str] = field(default_factory=Counter)
    rows_broken: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Of the bad rows, those that speak against their file, by rule."""
    bytes_kept: Counter[str] = field(default_factory=Counter)
    """Of the bad rows, in the quarantine."""
    first_bad: dict[str, str] = field(default_factory=dict)
    refused: dict[str, FileRefusedError] = field(default_factory=dict)
    postponed: dict[str, PassedOver] = field(default_factory=dict)
    checks: list[CheckResult] = field(default_factory=list)


@dataclass(frozen=True)
class _ScoredChunk:
    """Rows that passed their contract, the scores of those that can be scored, and why the others can't."""

    rows: pa.Table
    scored: pa.Table
    unscored: dict[int, tuple[str, str]]
    """By position in `rows`: rule and detail."""


def name_part(model_id: str, files: Sequence[HasContent]) -> str:
    """Name a part by what it holds: the model and the content of its files."""
    content = "\n".join([model_id, *(file.source_sha256 for file in files)])
    return sha256(content.encode()).hexdigest()[:24]


def start_part(job: ScoringJob, files: Sequence[HasContent]) -> tuple[Path, Path]:
    """Make the empty folder in which a part is built; give it, and the name that the part gets when it is whole."""
    target = job.parts_dir / name_part(job.scorer.model_id, files)
    return start_folder(target), target


def score_group(
    job: ScoringJob, files: Sequence[SourceFile], report: Callable[[int], None] = lambda size: None
) -> GroupOutcome:
    """Read, check and score a group of files into one part; `report` is told of the bytes done with.

    A bad file is an outcome, not an error. The caller judges the checks, then calls `keep_part`.
    """
    building, target = start_part(job, files)
    tally = _Tally()
    with open_part(building) as write:
        good = (_check_chunk(job, chunk, tally, write) for chunk in _read_chunks(job, files, tally, report))
        for chunk in _score_in_background(job, good):
            _keep_chunk(job, chunk, tally, write)
        pass_fault_point("score: part half written")
        done = [file for file in files if file.source_sha256 not in tally.postponed]
        outcomes = tuple(_close_file(file, tally, job.limits) for file in done)
        write("scored_files", _ledger_rows(job, outcomes))
    kept = [each for each in outcomes if each.status == "scored"]
    rows_read = {each.source.source_sha256: each.rows_read for each in kept}
    rows_bad = {each.source.source_sha256: each.rows_bad for each in kept}
    checks = (*merge_results(tally.checks), *check_part(building, rows_read, rows_bad))
    return GroupOutcome(building, target, outcomes, tuple(tally.postponed.values()), checks)


def keep_part(outcome: GroupOutcome) -> Path:
    """Give a part whose checks hold its name: from here on it is one that will be committed."""
    put_in_place(outcome.building, outcome.part_dir, replace=True)
    pass_fault_point("score: part written")
    return outcome.part_dir


def is_undamaged(part_dir: Path) -> bool:
    """Tell whether every page of a part's files still has the checksum that it was written with."""
    try:
        for name in PART_SCHEMAS:
            with pq.ParquetFile(part_dir / f"{name}.parquet", page_checksum_verification=True) as file:
                for _ in file.iter_batches():
                    pass
    except (OSError, pa.ArrowException):
        return False
    return True


def find_waiting(parts_dir: Path, tell: Callable[[Path, str], object]) -> Iterator[Path]:
    """Give the parts that a killed run left to be committed; what is half made is removed, damaged ones too, and told.

    The caller holds `parts_dir`.
    """
    remove_leftovers(parts_dir, held=True)
    for part_dir in sorted(path for path in parts_dir.glob("*") if path.is_dir()):
        if is_undamaged(part_dir):
            yield part_dir
        else:
            tell(part_dir, "was damaged")
            shutil.rmtree(part_dir)


def list_uris(part_dir: Path) -> list[str]:
    """Name the files that a part is of."""
    names: list[str] = pq.read_table(part_dir / "scored_files.parquet", columns=["uri"])["uri"].to_pylist()
    return names


@contextmanager
def open_part(folder: Path) -> Iterator[Write]:
    """Open the four files of a part and give the function that appends rows to one of them."""
    with ExitStack() as stack:
        # Read once, and soon: to pack the texts would cost more than to write and read them as they are.
        options = {"compression": "none", "use_dictionary": _REPEATED, "write_page_checksum": True}
        writers = {
            name: stack.enter_context(pq.ParquetWriter(folder / f"{name}.parquet", schema, **options))
            for name, schema in PART_SCHEMAS.items()
        }
        yield lambda name, rows: writers[name].write_table(rows)


def _read_chunks(
    job: ScoringJob, files: Sequence[SourceFile], tally: _Tally, report: Callable[[int], None]
) -> Iterator[pa.Table]:
    """Read the files in order as tables of about `CHUNK_ROWS` rows, with the columns that name their source.

    Rows of a file that turns out bad or changed are dropped here as far as they were not handed on; the commit
    leaves out the others.
    """
    waiting: list[pa.Table] = []
    for file in files:
        told = 0
        try:
            for batch in read_review_file(file.path, replace(job.options, root=file.root)):
                source = file.source_sha256
                require_bounded(file, tally.bytes_kept[source])
                broken = tally.rows_broken[source].total()
                if can_only_be_refused(file, tally.rows_read[source], broken, job.limits, job.options):
                    break  # which `_close_file` will find, too
                if len(batch) == 0:
                    continue
                waiting.append(_name_source(batch, file))
                if is_full(waiting):
                    yield pa.concat_tables(waiting)
                    # Compressed files hold more than their size: they stand still near the end instead.
                    step = min(_size(waiting), int(file.size * TOLD_BEFORE_END) - told)
                    report(max(step, 0))
                    told, waiting = told + max(step, 0), []
        except FileRefusedError as error:
            _note_refusal(file, error, tally)
        if has_changed(file):
            tally.postponed[file.source_sha256] = PassedOver(file.uri, "changed while it was read: next run")
        if file.source_sha256 in tally.refused.keys() | tally.postponed.keys():
            waiting = [table for table in waiting if table["uri"][0].as_py() != file.uri]
        report(file.size - told)
    if waiting:
        yield pa.concat_tables(waiting)


def is_full(waiting: Sequence[pa.Table]) -> bool:
    """Tell whether tables that wait are a chunk, by rows or by bytes."""
    return sum(len(table) for table in waiting) >= CHUNK_ROWS or _size(waiting) >= CHUNK_BYTES


def _size(waiting: Sequence[pa.Table]) -> int:
    return sum(table.nbytes for table in waiting)


def _note_refusal(file: SourceFile, refusal: FileRefusedError, tally: _Tally) -> None:
    """Keep why a file is refused; one that could not be read says nothing of its content, so it waits."""
    if refusal.rule == "file_unreadable":
        tally.postponed[file.source_sha256] = PassedOver(
            file.uri, f"{refusal.detail} It waits for the next run."
        )
    else:
        tally.refused[file.source_sha256] = refusal


def _name_source(batch: pa.RecordBatch, file: SourceFile) -> pa.Table:
    """Put the columns `source_sha256` and `uri` before those of a batch; empty batches are no one's."""
    names = {"source_sha256": file.source_sha256, "uri": file.uri}
    constant = {name: pa.repeat(pa.scalar(value), len(batch)) for name, value in names.items()}
    return pa.table({**constant, **dict(zip(batch.schema.names, batch.columns, strict=True))})


def _check_chunk(job: ScoringJob, chunk: pa.Table, tally: _Tally, write: Write) -> pa.Table:
    """Check one chunk and write its bad rows to the quarantine; give the good ones."""
    chunk = chunk.combine_chunks()
    measures = measure_rows(chunk, find_worded(chunk["text"]))
    checks, broken = check_rows(measures, job.limits)
    tally.checks.extend(checks)
    bad = np.zeros(len(chunk), dtype=bool)
    bad[list(broken)] = True
    counted = pc.value_counts(chunk["source_sha256"]).to_pylist()
    tally.rows_read.update({each["values"]: each["counts"] for each in counted})
    _set_aside(job, chunk, broken, tally, write)
    return chunk.filter(pa.array(~bad)) if broken else chunk


def _score_in_background(job: ScoringJob, chunks: Iterable[pa.Table]) -> Iterator[_ScoredChunk]:
    """Score chunks in order, in threads of their own: one finds words, while the one before it is scored.

    Meanwhile the caller reads and checks the chunk after those.
    """
    waiting: deque[Future[_ScoredChunk]] = deque()
    with ThreadPoolExecutor(1) as finding, ThreadPoolExecutor(1) as scoring:
        for chunk in chunks:
            if len(waiting) == CHUNKS_AHEAD:
                yield waiting.popleft().result()
            if len(chunk):
                found = finding.submit(encode_texts, job.scorer, chunk["text"].combine_chunks())
                waiting.append(scoring.submit(_score_chunk, job, chunk, found, datetime.now(UTC)))
        while waiting:
            yield waiting.popleft().result()


def _score_chunk(
    job: ScoringJob, good: pa.Table, found: "Future[EncodedTexts]", now: datetime
) -> _ScoredChunk:
    """Score a chunk; where the scorer fails on it, split it until the rows on which it fails are alone."""
    try:
        return _part_unknown(good, score_rows(job, good, now, found.result()), {})
    except Exception as error:  # whatever the libraries raise, a row may be the cause
        stop_if_interrupted(error)
        first = error
    scored: list[pa.Table] = []
    failed: dict[int, tuple[str, str]] = {}
    waiting = [(0, len(good))]
    while waiting:
        start, rows = waiting.pop()
        try:
            scored.append(score_rows(job, good.slice(start, rows), now))
        except Exception as error:
            stop_if_interrupted(error)
            if rows > 1:
                waiting += [(start + rows // 2, rows - rows // 2), (start, rows // 2)]
                continue
            _require_working(job, first)
            failed[start] = (
                SCORER_FAILED,
                f"{type(error).__name__}: {error}. {SCORING_RULES[SCORER_FAILED]}",
            )
            if len(failed) > MOST_FAILED_ROWS:
                raise first from None
    return _part_unknown(good, pa.concat_tables([SCORED_SCHEMA.empty_table(), *scored]), failed)


def _part_unknown(good: pa.Table, scored: pa.Table, failed: dict[int, tuple[str, str]]) -> _ScoredChunk:
    """Take out the rows of whose text the model knows no word; `scored` has all of `good` but the failed ones."""
    unknown = knows_no_word(scored)
    if not unknown.any():
        return _ScoredChunk(good, scored, failed)
    positions = np.array([position for position in range(len(good)) if position not in failed])
    why = (NO_KNOWN_WORD, SCORING_RULES[NO_KNOWN_WORD])
    unscored = failed | dict.fromkeys(positions[unknown].tolist(), why)
    return _ScoredChunk(good, scored.filter(pa.array(~unknown)), unscored)


def knows_no_word(scored: pa.Table) -> NDArray[np.bool_]:
    """Tell of which scored rows, [n], the model knows not one word: they all get one and the same score."""
    unknown: NDArray[np.bool_] = scored["oov_rate"].to_numpy() == 1
    return unknown


def _require_working(job: ScoringJob, first: Exception) -> None:
    """Raise `first` where the scorer fails on a plain text too: then the row is not the cause."""
    try:
        score_finite(job.scorer, encode_texts(job.scorer, ["a good film"]))
    except Exception:
        raise first from None


def _keep_chunk(job: ScoringJob, chunk: _ScoredChunk, tally: _Tally, write: Write) -> None:
    """Write the texts and scores of a chunk; rows that can't be scored go to the quarantine."""
    pass_fault_point("score: batch scored")
    good = chunk.rows
    if chunk.unscored:
        _set_aside(job, good, chunk.unscored, tally, write)
        kept = [position for position in range(len(good)) if position not in chunk.unscored]
        good = good.take(pa.array(kept, pa.int64()))  # of an empty list Arrow would not know the type
    write("source_reviews", make_source_rows(good))
    write("scored_reviews", chunk.scored)


def _set_aside(
    job: ScoringJob, chunk: pa.Table, broken: dict[int, tuple[str, str]], tally: _Tally, write: Write
) -> None:
    """Write bad rows, by position to (rule, detail), to the quarantine, and count them."""
    if broken:
        rows = _quarantine_rows(job, chunk, broken, datetime.now(UTC))
        write("quarantined_rows", rows)
        tally.bytes_kept.update(measure_kept(rows))
    sources, numbers = chunk["source_sha256"], chunk["row_number"]
    for position, (rule, detail) in broken.items():
        source = sources[position].as_py()
        tally.rows_bad[source] += 1
        if rule == NO_KNOWN_WORD:
            continue  # a review in another language is no sign of a broken file
        tally.rows_broken[source][rule] += 1
        tally.first_bad.setdefault(source, f"row {numbers[position].as_py()}: {rule}, {detail}")


def _quarantine_rows(
    job: ScoringJob, chunk: pa.Table, broken: dict[int, tuple[str, str]], now: datetime
) -> pa.Table:
    """Keep each bad row as found: the reader's raw bytes, else its text; and its other columns for a release."""
    positions = sorted(broken)
    rows = chunk.take(pa.array(positions, pa.int64()))
    raw = pc.coalesce(rows["raw"], rows["text"].cast(pa.binary()))
    columns = {
        **{name: rows[name] for name in ("source_sha256", "row_number", "uri", "member")},
        **{name: rows[name] for name in CARRIED_COLUMNS},
        "raw": raw,
        "rule": [broken[position][0] for position in positions],
        "detail": [broken[position][1] for position in positions],
        "run_id": [job.run_id] * len(positions),
        "quarantined_at": [now] * len(positions),
        "raw_is_text": pc.or_(
            pc.is_valid(rows["text"]), pc.fill_null(pc.equal(rows["rule"], "text_encoding"), False)
        ),
    }
    return pa.table(columns, schema=QUARANTINE_SCHEMA)


def make_source_rows(good: pa.Table) -> pa.Table:
    """Lay read rows out as rows of `SOURCE_SCHEMA`, with the sha256 of each text."""
    hashes = [sha256(text.as_buffer()).hexdigest() for text in good["text"]]
    columns = {name: good[name] for name in SOURCE_SCHEMA.names if name != "text_sha256"}
    return pa.table({**columns, "text_sha256": hashes}).select(SOURCE_SCHEMA.names).cast(SOURCE_SCHEMA)


def score_rows(
    job: ScoringJob, good: pa.Table, now: datetime, encoded: EncodedTexts | None = None
) -> pa.Table:
    """Score rows that have `source_sha256`, `row_number` and `text`, [n] to [n] rows of `SCORED_SCHEMA`.

    `encoded` are their texts where the words are found already.
    """
    scored = score_finite(job.scorer, encoded or encode_texts(job.scorer, good["text"].combine_chunks()))
    columns = {
        "source_sha256": good["source_sha256"],
        "row_number": good["row_number"],
        "model_id": [job.scorer.model_id] * len(good),
        "score": scored.score,
        "sentiment": name_sentiments(scored.score).tolist(),
        "predicted_rating": rate_stars(scored.score, job.scorer.stars),
        "token_count": scored.token_count,
        "oov_rate": scored.oov_rate,
        "truncated": scored.truncated,
        "run_id": [job.run_id] * len(good),
        "scored_at": [now] * len(good),
    }
    return pa.table(columns, schema=SCORED_SCHEMA)


def score_finite(scorer: Scorer, texts: EncodedTexts) -> ScoredTexts:
    """Score texts whose words are found; a score that is no number is a `ValueError`."""
    scored = score_encoded(scorer, texts)
    if not np.isfinite(scored.score).all():
        raise ValueError("the model gave a score that is not a number")
    return scored


def _close_file(file: SourceFile, tally: _Tally, limits: RowLimits) -> FileOutcome:
    """Judge one file when all of it was read: scored, or refused for what it is or for its bad rows."""
    rows_read, rows_bad = tally.rows_read[file.source_sha256], tally.rows_bad[file.source_sha256]
    refused = tally.refused.get(file.source_sha256)
    rows_broken = tally.rows_broken[file.source_sha256]
    if refused is None and exceeds_bad_rows(rows_read, rows_broken.total(), limits):
        first = tally.first_bad[file.source_sha256]
        by_rule = ", ".join(f"{rule} {rows:,}" for rule, rows in rows_broken.most_common())
        share = f"{rows_broken.total():,} of {rows_read:,} rows are bad ({by_rule}), the first is {first}"
        refused = refusal("too_many_bad_rows", share.rstrip("."))
    if refused is None:
        return FileOutcome(file, "scored", None, None, rows_read, rows_bad)
    return FileOutcome(file, "refused", refused.rule, refused.detail, rows_read, rows_bad)


def _ledger_rows(job: ScoringJob, outcomes: Sequence[FileOutcome]) -> pa.Table:
    rows: list[dict[str, Any]] = [
        {
            "source_sha256": outcome.source.source_sha256,
            "model_id": job.scorer.model_id,
            "status": outcome.status,
            "rule": outcome.rule,
            "detail": outcome.detail,
            "uri": outcome.source.uri,
            "format": format_of(outcome.source.path),
            "bytes": outcome.source.size,
            "rows_read": outcome.rows_read,
            "run_id": job.run_id,
        }
        for outcome in outcomes
    ]
    return pa.Table.from_pylist(rows, schema=LEDGER_SCHEMA)


def check_part(
    folder: Path, rows_read: Mapping[str, int], rows_quarantined: Mapping[str, int]
) -> list[CheckResult]:
    """Check the scores of a part against their contract, of the sources in `rows_read` alone."""
    if not rows_read:
        return []
    scored = pq.read_table(folder / "scored_reviews.parquet")
    of_those = pc.is_in(scored["source_sha256"], value_set=pa.array(list(rows_read), pa.string()))
    return check_scored_rows(scored.filter(of_those), rows_read, rows_quarantined)
