"""Maps the faults to a checkout before the subpackages, when `tasks` and `models` had all modules at the top level.

Only `python -m tests.mutations --checkout PATH` for such a checkout needs it, of the commit c8b73b6.
"""

from dataclasses import replace

from tests.mutations import faults as at

FILES = {
    at.COMMIT: "tasks/commit.py",
    at.ACCOUNTING: "tasks/commit.py",
    at.LEDGER: "tasks/ledger.py",
    at.PLAN: "tasks/score_plan.py",
    at.GATE: "models/gate.py",
    at.PROMOTION: "tasks/promotion.py",
    at.GOLDEN: "models/gate.py",
    at.QUARANTINE: "tasks/quarantine.py",
    at.CHECKING_AGAIN: "tasks/quarantine.py",
    at.FORGETTING: "tasks/forgetting.py",
    at.EXPORTS: "tasks/exports.py",
    at.EXPORT_FILES: "tasks/exports.py",
    at.EXPORT_LEDGER: "tasks/export_ledger.py",
    at.TOKENIZER: "models/text.py",
    at.BUILDER: "models/onnx_graph.py",
    at.BATCHES: "models/engine.py",
    at.LSTM_ENGINE: "models/engine.py",
    at.WIDE_ENGINE: "models/window_engine.py",
    at.NGRAMS: "models/ngrams.py",
    at.WINDOWS: "models/windows.py",
    at.PUBLISHED: "tasks/published.py",
    at.CONNECTION: "tasks/warehouse.py",
    at.PARTS: "tasks/scoring.py",
    at.CHUNKS: "tasks/scoring.py",
    at.DURABLE: "data_contracts/durable.py",
    at.TALLY: "tasks/scoring.py",
    at.CHUNK_CHECKS: "tasks/scoring.py",
    at.LIMITS: "data_contracts/limits.py",
    at.BAD_ROWS: "tasks/bad_rows.py",
}

TEXTS = {
    "a review without a known word has no window": ("    read[:, -1] = True\n", ""),
    "scores of a refused file are held against their contract": (
        "check_scored_rows(scored.filter(of_those),",
        "check_scored_rows(scored,",
    ),
    "the scores of every model are exported for each model": (
        "AND wanted.model_id = scored.model_id AND wanted.run_id",
        "AND wanted.run_id",
    ),
    "a copy is shorter than it says": ("                _fill_up(building)\n", ""),
    "an addition writes over the files before it": (
        "start.number + 1, start.manner",
        "start.number, start.manner",
    ),
    "a commit does not check that every row is accounted for": (
        "    require_accounted(connection, part_dir)\n    pass_fault_point",
        "    pass_fault_point",
    ),
    "released rows count as quarantined too": (
        "    WHERE released_at IS NULL GROUP BY source_sha256\n),\nforgotten",
        "    GROUP BY source_sha256\n),\nforgotten",
    ),
    "a rollback does not check the bundle": (
        "    load_blessed_scorer(bundles_dir / target.model_id, target.bundle_fingerprint)\n",
        "",
    ),
}
"""By fault, the text there and what takes its place, where it is another."""

ELSEWHERE = {
    "a model compared with a former champion is promoted": "tasks/model_registry.py",
    "a row that was quarantined for its encoding can't be released": "tasks/scoring.py",
}
"""By fault, the file there, where other faults of the same file are in another one there."""


def translate(fault: at.Fault) -> at.Fault:
    """Return the same fault for the flat modules."""
    old, new = TEXTS.get(fault.name, (fault.old, fault.new))
    return replace(fault, file=ELSEWHERE.get(fault.name, FILES[fault.file]), old=old, new=new)
