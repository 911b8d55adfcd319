"""The faults: small changes of the core, each of which some test should catch."""

from dataclasses import dataclass

COMMIT = "tasks/warehouse/commit.py"
ACCOUNTING = "tasks/warehouse/accounting.py"
LEDGER = "tasks/warehouse/file_ledger.py"
PLAN = "tasks/scoring/plan.py"
GATE = "models/evaluation/gate.py"
PROMOTION = "tasks/warehouse/promotion.py"
GOLDEN = "models/bundle/golden.py"
QUARANTINE = "tasks/maintenance/quarantine.py"
CHECKING_AGAIN = "tasks/maintenance/rechecking.py"
FORGETTING = "tasks/maintenance/forgetting.py"
FORGET = "flows/command/actions/forget.py"
EXPORTS = "tasks/exports/by_day.py"
EXPORT_FILES = "tasks/exports/files.py"
EXPORT_LEDGER = "tasks/exports/export_ledger.py"
TOKENIZER = "models/tokenizer.py"
BUILDER = "models/graphs/builder.py"
BATCHES = "models/graphs/batches.py"
LSTM_ENGINE = "models/lstm/engine.py"
WIDE_ENGINE = "models/wide_lstm/engine.py"
NGRAMS = "models/wide_lstm/ngrams.py"
WINDOWS = "models/wide_lstm/windows.py"
PUBLISHED = "tasks/warehouse/published.py"
DATABASE_FILE = "tasks/warehouse/database_file.py"
OPENING = "tasks/warehouse/opening.py"
PUBLISHING = "tasks/warehouse/publishing.py"
LATEST = "tasks/warehouse/latest_scores.py"
REPEATED_TEXTS = "tasks/warehouse/tallies/repeated_texts.py"
PROOFS = "tasks/maintenance/proofs.py"
PARTS = "tasks/scoring/parts.py"
CHUNKS = "tasks/scoring/chunks.py"
DURABLE = "data_contracts/storage/durable.py"
TALLY = "tasks/scoring/file_outcomes.py"
CHUNK_CHECKS = "tasks/scoring/chunk_checks.py"
LIMITS = "data_contracts/limits.py"
BAD_ROWS = "tasks/scoring/bad_rows.py"
SHADOW_SCORES = "tasks/warehouse/shadow/scores.py"
SHADOW_RUN = "flows/shadow_scoring.py"
PROMISE = "models/evaluation/promise.py"
PROMISES_READ = "tasks/training/promise.py"
DUE = "tasks/training/due.py"
LABELS_TAKEN = "tasks/labelling/intake.py"
LABELS_CHOSEN = "tasks/labelling/choosing.py"
LABELS_ANSWERED = "tasks/labelling/answers.py"
OWN_ROWS = "tasks/training/own_rows.py"
OWN_FITTING = "models/own_labels/fitting.py"
PREDICTED_LABELS = "models/own_labels/predicted_labels.py"
TEXT_WORK = "tasks/engine/text_work.py"
LARGE_OBJECTS = "tasks/stages/engine/large_objects.py"

TEST_COMMIT = "tests/unit/test_commit.py"
TEST_LATEST = "tests/unit/test_latest_scores.py"
TEST_REPLACING = "tests/unit/test_replacing.py"
TEST_SUMS = "tests/unit/test_score_sums.py"
TEST_LEDGER = "tests/unit/test_ledger.py"
TEST_GATE = "tests/models/test_gate.py"
TEST_REGISTRY = "tests/unit/test_model_registry.py"
TEST_MODELS_COMMAND = "tests/flows/test_models_command.py"
TEST_EXPORTS = "tests/unit/test_exports.py"
TEST_TEXT = "tests/models/test_text.py"
TEST_ENGINE = "tests/models/test_engine.py"
TEST_WINDOW_ENGINE = "tests/models/test_window_engine.py"
TEST_NGRAMS = "tests/models/test_ngrams.py"
TEST_PUBLISHED = "tests/unit/test_published.py"
TEST_STANDBY = "tests/unit/test_standby.py"
TEST_DURABLE = "tests/unit/test_durable.py"
TEST_BAD_ROWS = "tests/unit/test_bad_rows.py"
TEST_SHADOW = "tests/flows/test_shadow.py"
TEST_DUE = "tests/unit/test_training_due.py"
TEST_LABELS = "tests/unit/test_labelling.py"
TEST_DISPATCH = "tests/unit/test_engine.py"
TEST_LARGE = "tests/flows/test_large_objects.py"
TEST_OWN_LABELS = "tests/models/test_own_labels.py"
TEST_BAD_INPUT = "tests/unit/test_bad_input.py"
TEST_RESCORING = "tests/flows/test_engine_rescoring.py"


AREAS = {
    "commit": ("tests/flows/test_score_reviews.py", "tests/flows/test_rescore.py"),
    "ledger": ("tests/flows/test_score_reviews.py", "tests/flows/test_what_is_read.py"),
    "gate and promotion": ("tests/flows/test_models_command.py",),
    "quarantine and release": ("tests/flows/test_quarantine.py",),
    "forgetting": ("tests/flows/test_forget.py",),
    "exports": ("tests/flows/test_export.py",),
    "tokenizer": ("tests/models/test_scorer.py",),
    "engines and graphs": ("tests/models/test_scorer.py", "tests/models/test_bundle.py"),
    "published copy": ("tests/flows/test_forget.py", "tests/flows/test_verify.py"),
    "parts": ("tests/flows/test_score_reviews.py", "tests/flows/test_rescore.py"),
    "shadow": (TEST_SHADOW,),
    "promise": (TEST_DUE, "tests/models/test_promise.py"),
    "labels": (TEST_LABELS, "tests/unit/test_own_rows.py"),
    "learning": (TEST_OWN_LABELS, "tests/models/test_measured_bundle.py"),
    "shared home": ("tests/flows/test_shared_home.py",),
    "reading": (TEST_BAD_INPUT, "tests/flows/test_what_is_read.py"),
    "workers": (TEST_RESCORING, "tests/flows/test_engine_runs.py"),
    "tally": ("tests/flows/test_score_reviews.py", "tests/flows/test_quarantine.py"),
}
"""The parts of the core, each with the flows and commands in whose tests it is at work."""


@dataclass(frozen=True)
class Fault:
    """One change of one file; `old` occurs there once."""

    name: str
    """What goes wrong, in words."""
    area: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    """What should catch it, the cheapest first: test files, or single tests of slow ones."""


FAULTS = (
    Fault(
        "a file that was refused is never scored",
        "commit",
        COMMIT,
        "AND known.model_id = part.model_id\n    AND known.status = 'scored'\n",
        "AND known.model_id = part.model_id\n",
        (TEST_COMMIT,),
    ),
    Fault(
        "a second model's commit inserts the texts again",
        "commit",
        COMMIT,
        "AND source_sha256 NOT IN (SELECT source_sha256 FROM scored_files WHERE status = 'scored')\n",
        "",
        (TEST_COMMIT,),
    ),
    Fault(
        "a commit does not check that every row is accounted for",
        "commit",
        COMMIT,
        '    require_accounted(connection, "accepted", part_dir, NEXT_STEP)\n',
        "",
        (TEST_COMMIT,),
    ),
    Fault(
        "released rows count as quarantined too",
        "commit",
        ACCOUNTING,
        "FROM quarantined_rows WHERE released_at IS NULL\nUNION",
        "FROM quarantined_rows\nUNION",
        (TEST_COMMIT,),
    ),
    Fault(
        "a commit brings back what was forgotten",
        "commit",
        COMMIT,
        '"ANTI JOIN forgotten_rows USING (source_sha256, row_number)"',
        '""',
        (
            "tests/flows/test_forget.py::test_what_was_forgotten_is_left_out_when_its_file_is_scored_anew_after_a_restore",
        ),
    ),
    Fault(
        "scores of refused files are inserted",
        "commit",
        COMMIT,
        "SELECT DISTINCT source_sha256, model_id, source FROM accepted WHERE status = 'scored'",
        "SELECT DISTINCT source_sha256, model_id, source FROM accepted",
        (TEST_COMMIT,),
    ),
    Fault(
        "a database is written by headers that another process has replaced",
        "commit",
        OPENING,
        "        if has_changed():\n",
        "        if False:\n",
        ("tests/unit/test_contended_database.py",),
    ),
    Fault(
        "an older row of a review stays its newest",
        "latest scores",
        LATEST,
        "    if found > reviews or connection.execute(_HAS_HISTORY).fetchall() != [(0,)]:\n",
        "    if connection.execute(_HAS_HISTORY).fetchall() != [(0,)]:\n",
        (TEST_LATEST,),
    ),
    Fault(
        "a row of a file that another of its part replaces is shown as newest",
        "latest scores",
        LATEST,
        "    if found > reviews or connection.execute(_HAS_HISTORY).fetchall() != [(0,)]:\n",
        "    if found > reviews:\n",
        (TEST_REPLACING,),
    ),
    Fault(
        "a text that is twice in one part is not among the repeated ones",
        "latest scores",
        REPEATED_TEXTS,
        "    if known or connection.execute(_HAS_REPEATED).fetchall() == [(True,)]:\n",
        "    if known:\n",
        (TEST_LATEST,),
    ),
    Fault(
        "after a deletion no other row of the review becomes its newest",
        "latest scores",
        FORGETTING,
        "    settle_latest(connection, reviews)\n",
        "",
        (TEST_LATEST,),
    ),
    Fault(
        "after a rollback the scores of the model before still count",
        "latest scores",
        PROMOTION,
        '    settle_scores(connection, "files_of_champion")\n',
        "",
        (TEST_LATEST,),
    ),
    Fault(
        "a score that counts no more is not among those of another sentiment",
        "latest scores",
        LATEST,
        "(_SETTLE_SCORES, _DROP_FLIPPED, _FIND_FLIPPED)",
        "(_SETTLE_SCORES, _DROP_FLIPPED)",
        (TEST_LATEST,),
    ),
    Fault(
        "a rescored row keeps the score of the earlier model",
        "latest scores",
        COMMIT,
        '        settle_scores(connection, "rescored_sources")\n',
        "        pass\n",
        (TEST_LATEST,),
    ),
    Fault(
        "of rows with dates the one that arrived last is the newest",
        "latest scores",
        LATEST,
        "QUALIFY NOT {IS_OUTDATED}",
        "",
        ("tests/unit/test_views.py",),
    ),
    Fault(
        "a check of changed rows reads those that changed before the proof, not after it",
        "verification",
        PROOFS,
        ") WHERE changed_at > $until::TIMESTAMPTZ GROUP BY source_sha256",
        ") WHERE changed_at < $until::TIMESTAMPTZ GROUP BY source_sha256",
        ("tests/flows/test_verify.py",),
    ),
    Fault(
        "a proof of another history is taken for valid",
        "verification",
        PROOFS,
        "    return proof if changes == proof.changes else None\n",
        "    return proof\n",
        ("tests/flows/test_verify.py",),
    ),
    Fault(
        "a file that is scored after a refusal keeps the refusal's time of commit",
        "ledger",
        COMMIT,
        'for name in (*names, "committed_at") if name not in keys',
        "for name in names if name not in keys",
        (TEST_COMMIT,),
    ),
    Fault(
        "a changed file of the same size is taken for the old one",
        "ledger",
        LEDGER,
        "seen.size = found.size AND seen.mtime_ns = found.mtime_ns",
        "seen.size = found.size",
        (TEST_LEDGER,),
    ),
    Fault(
        "a refusal outweighs a model that scored the content",
        "ledger",
        LEDGER,
        "SELECT source_sha256, max(status) FROM scored_files",
        "SELECT source_sha256, min(status) FROM scored_files",
        (TEST_LEDGER,),
    ),
    Fault(
        "a sighting is renewed within the hour and never after it",
        "ledger",
        LEDGER,
        "last_seen < now()",
        "last_seen > now()",
        (TEST_LEDGER,),
    ),
    Fault(
        "the new content of a known name is not kept",
        "ledger",
        LEDGER,
        "source_sha256 = excluded.source_sha256, last_seen",
        "last_seen",
        (TEST_LEDGER,),
    ),
    Fault(
        "refused files are tried again unless they are named",
        "ledger",
        LEDGER,
        'return {"scored"} if retry_refused else',
        'return {"scored"} if not retry_refused else',
        (TEST_LEDGER,),
    ),
    Fault(
        "a better log loss by chance is enough for the gate",
        "gate and promotion",
        GATE,
        "gain.value > SMALLEST_GAIN and gain.lower > 0",
        "gain.value > SMALLEST_GAIN or gain.lower > 0",
        (TEST_GATE,),
    ),
    Fault(
        "a challenger of the same accuracy is refused",
        "gate and promotion",
        GATE,
        'GateCheck("accuracy", mine >= other - margin,',
        'GateCheck("accuracy", mine > other - margin,',
        (TEST_GATE,),
    ),
    Fault(
        "a loss on a slice that chance explains is refused",
        "gate and promotion",
        GATE,
        "and each.gain.upper < 0",
        "and each.gain.lower < 0",
        (TEST_GATE,),
    ),
    Fault(
        "a lower pass rate is refused though other types of tests outweigh it",
        "gate and promotion",
        GATE,
        "not lower or outweighed",
        "not lower",
        (TEST_GATE,),
    ),
    Fault(
        "a bundle altered during the comparison is promoted",
        "gate and promotion",
        PROMOTION,
        "        require_fingerprint(folder, fingerprint)",
        "        pass",
        (
            "tests/flows/test_models_command.py::test_a_model_that_is_altered_while_it_is_compared_is_not_promoted",
        ),
    ),
    Fault(
        "a rollback does not check the bundle",
        "gate and promotion",
        PROMOTION,
        "    load_blessed_scorer(home.bundles / target.model_id, target.bundle_fingerprint)\n",
        "",
        ("tests/flows/test_models_command.py::test_a_rollback_to_an_altered_model_changes_nothing",),
    ),
    Fault(
        "a model compared with a former champion is promoted",
        "gate and promotion",
        PROMOTION,
        "if decision.promote and present != compared_with:",
        "if decision.promote and present != compared_with and present is None:",
        (TEST_REGISTRY,),
    ),
    Fault(
        "a model whose id begins another's can't be named",
        "gate and promotion",
        "tasks/warehouse/model_registry.py",
        "[each for each in ids if each == name] or ",
        "",
        (TEST_REGISTRY,),
    ),
    Fault(
        "a released row can be released again",
        "quarantine and release",
        QUARANTINE,
        "released_at IS NULL AND {_COUNTS}\n",
        "{_COUNTS}\n",
        ("tests/flows/test_quarantine.py::test_a_row_is_released_once",),
    ),
    Fault(
        "naming one row releases all of its file",
        "quarantine and release",
        QUARANTINE,
        "WHERE starts_with(source_sha256, prefix) AND row_number = number",
        "WHERE starts_with(source_sha256, prefix)",
        ("tests/flows/test_quarantine.py::test_of_a_file_only_the_row_that_is_named_is_released",),
    ),
    Fault(
        "a text that was not kept whole is released",
        "quarantine and release",
        CHECKING_AGAIN,
        'if row["raw"] is None or not row["raw_is_text"]:',
        'if row["raw"] is None:',
        (
            "tests/flows/test_quarantine.py::test_a_row_whose_text_was_not_kept_whole_is_sent_back_to_its_file",
        ),
    ),
    Fault(
        "a released row is scored by one model alone",
        "quarantine and release",
        QUARANTINE,
        "models.get(source, []):",
        "models.get(source, [])[:1]:",
        (
            "tests/flows/test_quarantine.py::test_a_released_row_is_scored_by_every_model_that_scored_its_file",
        ),
    ),
    Fault(
        "of the released rows those without a known word are scored, not the others",
        "quarantine and release",
        QUARANTINE,
        "        if not unknown\n",
        "        if unknown\n",
        ("tests/flows/test_quarantine.py::test_a_text_without_a_known_word_stays_set_aside_at_a_release",),
    ),
    Fault(
        "a row that was quarantined for its encoding can't be released",
        "quarantine and release",
        BAD_ROWS,
        'pc.equal(rows["rule"], "text_encoding")',
        'pc.equal(rows["rule"], "text_blank")',
        (
            "tests/flows/test_quarantine.py::test_undecodable_texts_are_released_in_the_encoding_that_is_named",
        ),
    ),
    Fault(
        "quarantined rows are not forgotten",
        "forgetting",
        FORGETTING,
        '("source_reviews", "scored_reviews", "shadow_scores", "flipped_scores", "quarantined_rows")',
        '("source_reviews", "scored_reviews", "shadow_scores", "flipped_scores")',
        ("tests/flows/test_forget.py::test_one_row_is_forgotten_by_its_name",),
    ),
    Fault(
        "the bytes of what was forgotten stay in the database",
        "forgetting",
        FORGET,
        "        rewrite_warehouse(home.warehouse)\n",
        "",
        ("tests/flows/test_forget.py::test_no_byte_of_it_is_left_in_the_databases",),
    ),
    Fault(
        "forgetting a row deletes all of its file",
        "forgetting",
        FORGETTING,
        '"AND rows.row_number = keys.row_number"',
        '""',
        ("tests/flows/test_forget.py::test_rows_leave_every_table_and_the_copy",),
    ),
    Fault(
        "a few digits name a file to be forgotten",
        "forgetting",
        FORGETTING,
        '"length($name) >= 12 AND starts_with(source_sha256, $name)"',
        '"starts_with(source_sha256, $name)"',
        ("tests/flows/test_forget.py::test_fewer_than_twelve_digits_of_a_sha_name_no_file",),
    ),
    Fault(
        "a killed forgetting is not finished by the next command",
        "forgetting",
        FORGETTING,
        "    name_rewrite_mark(warehouse).touch()\n",
        "",
        (
            "tests/flows/test_forget.py::test_a_command_that_is_killed_before_the_file_is_written_anew_is_finished_by_the_next_run",
        ),
    ),
    Fault(
        "a restore brings back what was forgotten since",
        "forgetting",
        FORGETTING,
        '        _delete(connection, "traces")\n',
        "",
        ("tests/flows/test_forget.py::test_what_was_forgotten_stays_so_after_a_restore",),
    ),
    Fault(
        "the first day that is asked for is not exported",
        "exports",
        EXPORTS,
        "key not in start.keys and key[0] >= first_day",
        "key not in start.keys and key[0] > first_day",
        (TEST_EXPORTS,),
    ),
    Fault(
        "the scores of every model are exported for each model",
        "exports",
        EXPORTS,
        "AND chosen_keys.model_id = scored.model_id AND chosen_keys.run_id",
        "AND chosen_keys.run_id",
        (TEST_EXPORTS,),
    ),
    Fault(
        "an addition forgets what was exported before",
        "exports",
        EXPORTS,
        "{**start.keys, **numbers}",
        "numbers",
        (TEST_EXPORTS,),
    ),
    Fault(
        "an addition writes over the files before it",
        "exports",
        EXPORTS,
        "start.number + 1, start.export_format",
        "start.number, start.export_format",
        (TEST_EXPORTS,),
    ),
    Fault(
        "a CSV file keeps a formula that begins with @",
        "exports",
        EXPORT_FILES,
        '("=", "+", "-", "@", "\\t", "\\r")',
        '("=", "+", "-", "\\t", "\\r")',
        (TEST_EXPORTS,),
    ),
    Fault(
        "the last row of a range is lost in the ledger of exports",
        "exports",
        EXPORT_LEDGER,
        "int(last or first) + 1",
        "int(last or first)",
        (TEST_EXPORTS,),
    ),
    Fault(
        "the first words of a long review are read, not the last",
        "tokenizer",
        TOKENIZER,
        "np.repeat(first_words[1:], token_count) - np.arange(len(ids))",
        "np.arange(len(ids)) - np.repeat(first_words[:-1], token_count) + 1",
        (TEST_TEXT,),
    ),
    Fault(
        "a long review loses one word more",
        "tokenizer",
        TOKENIZER,
        "ids = ids[words_after <= length]",
        "ids = ids[words_after < length]",
        (TEST_TEXT,),
    ),
    Fault(
        "the vocabulary has one word too many",
        "tokenizer",
        TOKENIZER,
        "ranked[: size - 1]",
        "ranked[:size]",
        (TEST_TEXT,),
    ),
    Fault(
        "words of one frequency are ranked as they come",
        "tokenizer",
        TOKENIZER,
        "(-counts[word], word)",
        "-counts[word]",
        (TEST_TEXT,),
    ),
    Fault(
        "a review of exactly the words that are read counts as cut",
        "tokenizer",
        TOKENIZER,
        "oov_rate, token_count > length)",
        "oov_rate, token_count >= length)",
        (TEST_TEXT,),
    ),
    Fault(
        "reviews are padded behind",
        "tokenizer",
        TOKENIZER,
        "padded[row, start - stop :]",
        "padded[row, : stop - start]",
        (TEST_TEXT,),
    ),
    Fault(
        "the gates of an LSTM are exported in another order",
        "engines and graphs",
        BUILDER,
        "np.concatenate([i, o, f, c], axis=-1)",
        "np.concatenate([i, f, o, c], axis=-1)",
        (TEST_ENGINE,),
    ),
    Fault(
        "a step is left out that sees the first word of a review",
        "engines and graphs",
        LSTM_ENGINE,
        "-((self.after - position) // self.stride)",
        "-(-position // self.stride)",
        (TEST_ENGINE,),
    ),
    Fault(
        "words after a step's own are left out with the padding",
        "engines and graphs",
        WIDE_ENGINE,
        "(rest + 1 + engine.after)",
        "(rest + 1)",
        (TEST_WINDOW_ENGINE,),
    ),
    Fault(
        "another part counts as the ending",
        "engines and graphs",
        WIDE_ENGINE,
        "max(frame.shape[1] - engine.window, 0))",
        "0)",
        (TEST_WINDOW_ENGINE,),
    ),
    Fault(
        "a review without a known word has no window",
        "engines and graphs",
        WINDOWS,
        "    kept[:, -1] = True\n",
        "",
        ("tests/models/test_windows.py",),
    ),
    Fault(
        "golden scores that are no numbers are let through",
        "engines and graphs",
        GOLDEN,
        "if not difference <= SAME_SCORE:",
        "if difference > SAME_SCORE:",
        ("tests/flows/test_bad_use.py",),
    ),
    Fault(
        "a copy is shorter than it says",
        "published copy",
        DATABASE_FILE,
        "    target.truncate(max(shape.size, target.seek(0, 2)))\n",
        "",
        (TEST_PUBLISHED,),
    ),
    Fault(
        "a copy lacks what was committed last",
        "published copy",
        DATABASE_FILE,
        " and not name_log(path).exists()",
        "",
        (TEST_PUBLISHED,),
    ),
    Fault(
        "what was forgotten stays in the copy",
        "published copy",
        PUBLISHING,
        "UNION ALL SELECT 'forgotten', count(*)::VARCHAR FROM forgotten_rows\n",
        "",
        (TEST_PUBLISHED,),
    ),
    Fault(
        "a release is not published",
        "published copy",
        PUBLISHING,
        "UNION ALL SELECT 'released', (count(released_at), max(released_at))::VARCHAR FROM quarantined_rows\n",
        "",
        (TEST_PUBLISHED,),
    ),
    Fault(
        "a query reads files of the machine",
        "published copy",
        PUBLISHED,
        '"enable_external_access": False',
        '"enable_external_access": True',
        (TEST_PUBLISHED,),
    ),
    Fault(
        "the log of an older copy stays beside the new one",
        "published copy",
        PUBLISHING,
        "                name_log(published).unlink(missing_ok=True)\n",
        "",
        (TEST_PUBLISHED,),
    ),
    Fault(
        "a copy is made in a file that a reader has open",
        "published copy",
        PUBLISHING,
        " and lock_file(file):",
        ":",
        (TEST_STANDBY,),
    ),
    Fault(
        "what was forgotten stays in the standby",
        "published copy",
        PUBLISHING,
        "        if is_same_database(home.published, building):\n",
        "        if True:\n",
        (TEST_STANDBY,),
    ),
    Fault(
        "a copy lacks the blocks beyond the old one",
        "published copy",
        DATABASE_FILE,
        "if start + length > copied or _differ",
        "if _differ",
        ("tests/unit/test_database_file.py",),
    ),
    Fault(
        "a damaged part stays",
        "parts",
        PARTS,
        '"was damaged")\n            shutil.rmtree(part_dir)\n',
        '"was damaged")\n',
        ("tests/unit/test_parts.py",),
    ),
    Fault(
        "a damaged part is committed",
        "parts",
        PARTS,
        "page_checksum_verification=True",
        "page_checksum_verification=False",
        ("tests/unit/test_parts.py",),
    ),
    Fault(
        "scores of a refused file are held against their contract",
        "parts",
        PARTS,
        "check_scored_rows(scored.filter(is_checked),",
        "check_scored_rows(scored,",
        (
            "tests/flows/test_score_reviews.py::test_a_file_that_breaks_after_its_first_rows_were_scored_stops_no_other",
        ),
    ),
    Fault(
        "of a refused file its rows stay and those of others go",
        "parts",
        CHUNKS,
        '["uri"][0].as_py() != file.uri]',
        '["uri"][0].as_py() == file.uri]',
        ("tests/flows/test_score_reviews.py::test_a_refused_file_stops_no_other_and_is_reported_once",),
    ),
    Fault(
        "the files of a folder are not synced before it gets its name",
        "parts",
        DURABLE,
        '[*temporary.rglob("*"), temporary]',
        "[temporary]",
        (TEST_DURABLE,),
    ),
    Fault(
        "a folder is not synced after a file in it got its name",
        "parts",
        DURABLE,
        "    temporary.replace(path)\n    make_durable(path.parent)\n",
        "    temporary.replace(path)\n",
        (TEST_DURABLE,),
    ),
    Fault(
        "the smallest number of bad rows refuses a file",
        "tally",
        LIMITS,
        "rows_bad > limits.min_bad_rows and",
        "rows_bad >= limits.min_bad_rows and",
        ("tests/contracts/test_review_files_contract.py",),
    ),
    Fault(
        "exactly the largest share of bad rows refuses a file",
        "tally",
        LIMITS,
        "rows_bad > limits.max_bad_share * rows_read",
        "rows_bad >= limits.max_bad_share * rows_read",
        ("tests/contracts/test_review_files_contract.py",),
    ),
    Fault(
        "texts in other languages refuse their file",
        "tally",
        CHUNK_CHECKS,
        "        if rule in UNCOUNTED_RULES:",
        "        if not rule:",
        (
            "tests/flows/test_quarantine.py::test_a_text_of_which_the_model_knows_no_word_is_set_aside_and_refuses_no_file",
        ),
    ),
    Fault(
        "the row that a refusal names is the last bad one",
        "tally",
        CHUNK_CHECKS,
        'tally.first_bad.setdefault(source, f"row {numbers[position].as_py()}: {rule}, {detail}")',
        'tally.first_bad[source] = f"row {numbers[position].as_py()}: {rule}, {detail}"',
        (
            "tests/flows/test_score_reviews.py::test_a_refusal_for_bad_rows_counts_them_by_rule_and_says_what_to_do",
        ),
    ),
    Fault(
        "a file that could not be read is refused and the broken ones wait",
        "tally",
        TALLY,
        "if refusal.rule in WAITING_RULES:",
        "if refusal.rule not in WAITING_RULES:",
        ("tests/flows/test_score_reviews.py::test_a_refused_file_stops_no_other_and_is_reported_once",),
    ),
    Fault(
        "a small file's bad rows may not unpack to much",
        "tally",
        BAD_ROWS,
        "most = max(UNSUSPECTED_BYTES, KEPT_PER_BYTE * file.size)",
        "most = min(UNSUSPECTED_BYTES, KEPT_PER_BYTE * file.size)",
        (TEST_BAD_ROWS,),
    ),
    Fault(
        "the shadow's scores are stored twice",
        "shadow",
        SHADOW_SCORES,
        "ANTI JOIN (FROM shadow_files WHERE model_id = $model_id) AS done USING (source_sha256)\n",
        "",
        ("tests/unit/test_shadow_scores.py",),
    ),
    Fault(
        "the shadow scores what was forgotten meanwhile",
        "shadow",
        SHADOW_SCORES,
        " SEMI JOIN source_reviews USING (source_sha256, row_number)",
        "",
        ("tests/unit/test_shadow_scores.py",),
    ),
    Fault(
        "the scores of the shadow are not forgotten",
        "shadow",
        FORGETTING,
        '"scored_reviews", "shadow_scores", ',
        '"scored_reviews", ',
        (TEST_SHADOW,),
    ),
    Fault(
        "a shadow that fails, fails the run",
        "shadow",
        SHADOW_RUN,
        "    except Exception as error:  # whatever the shadow's bundle raises\n",
        "    except OSError as error:\n",
        (TEST_SHADOW,),
    ),
    Fault(
        "the gate does not look at own traffic",
        "shadow",
        PROMOTION,
        "            checks = (*checks, *judge_shadow(home.warehouse, attempt.model_id, present.model_id))\n",
        "            checks = (*checks,)\n",
        (TEST_SHADOW,),
    ),
    Fault(
        "a shadow that became the champion stays the shadow",
        "shadow",
        PROMOTION,
        "    end_promoted(connection, model_id)\n",
        "",
        ("tests/unit/test_shadow_record.py",),
    ),
    Fault(
        "a fall that chance explains is an alarm",
        "promise",
        PROMISE,
        " - math.log(7 * tests / FALSE_ALARMS)",
        "",
        ("tests/models/test_promise.py",),
    ),
    Fault(
        "reviews of one title are taken for independent",
        "promise",
        PROMISE,
        "(self.since.wrong * gain + self.since.right * loss) / self.spread",
        "(self.since.wrong * gain + self.since.right * loss)",
        ("tests/models/test_promise.py",),
    ),
    Fault(
        "what the model has held does not raise the floor",
        "promise",
        PROMISE,
        "        floor = max(floor, held)\n",
        "",
        ("tests/models/test_promise.py",),
    ),
    Fault(
        "a review that the model may have learnt from is judged",
        "promise",
        PROMISES_READ,
        "    WHERE seen_at > $since\n",
        "",
        (TEST_DUE,),
    ),
    Fault(
        "a training is due once more for each run",
        "promise",
        DUE,
        "    return bool(connection.execute(_IS_KNOWN, [champion.number, reason, since]).fetchall())\n",
        "    return False\n",
        (TEST_DUE,),
    ),
    Fault(
        "an older label replaces a later one",
        "labels",
        LABELS_TAKEN,
        "WHERE excluded.labelled_at >= review_labels.labelled_at\n",
        "",
        (TEST_LABELS,),
    ),
    Fault(
        "a label that a sheet has no more stays",
        "labels",
        LABELS_TAKEN,
        "DELETE FROM review_labels WHERE uri = $uri AND ",
        "DELETE FROM review_labels WHERE false AND uri = $uri AND ",
        (TEST_LABELS,),
    ),
    Fault(
        "a text that was forgotten gets a label",
        "labels",
        LABELS_TAKEN,
        "if label.text_sha256 in known]",
        "if label.text_sha256]",
        (TEST_LABELS,),
    ),
    Fault(
        "a review with a label is asked about again",
        "labels",
        LABELS_CHOSEN,
        "        if each.text_sha256 not in given_texts and each.review_key not in given_keys\n",
        "",
        (TEST_LABELS,),
    ),
    Fault(
        "an answer that was taken back stays",
        "labels",
        LABELS_ANSWERED,
        "    answers.file.truncate()\n",
        "",
        (TEST_LABELS,),
    ),
    Fault(
        "on a full disk a part of an answer stays",
        "labels",
        LABELS_ANSWERED,
        "        answers.file.truncate(start)  # a part of a line is no answer\n",
        "",
        (TEST_LABELS,),
    ),
    Fault(
        "a sheet with a forgotten text is not named",
        "labels",
        LABELS_TAKEN,
        "return not digests.isdisjoint(texts) or not all(",
        "return not all(",
        (TEST_LABELS,),
    ),
    Fault(
        "reviews that were chosen to teach are held out",
        "labels",
        OWN_ROWS,
        'np.array([row["is_random"] for row in rows], bool)',
        "np.ones(len(rows), bool)",
        ("tests/unit/test_own_rows.py",),
    ),
    Fault(
        "a text that came before is not noted as repeated",
        "latest scores",
        REPEATED_TEXTS,
        "WHERE text_key IN (FROM known_keys) OR text_key IN (",
        "WHERE text_key IN (",
        (TEST_LATEST,),
    ),
    Fault(
        "a text that was forgotten stays repeated",
        "latest scores",
        REPEATED_TEXTS,
        "    for statement in (_DROP_KEYS, _DROP_REPEATED):\n",
        "    for statement in (_DROP_KEYS,):\n",
        (TEST_LATEST,),
    ),
    Fault(
        "scores of another model are added up without the labels of their rows",
        "latest scores",
        COMMIT,
        '_WITH_RESCORED if has_rescored else "new_texts"',
        '"new_texts"',
        (TEST_SUMS,),
    ),
    Fault(
        "a forgotten label stays in the sums of accuracy",
        "forgetting",
        FORGETTING,
        "    renew_sums(connection, keys)\n",
        "",
        (TEST_SUMS,),
    ),
    Fault(
        "a released row is left out of drift and accuracy",
        "latest scores",
        QUARANTINE,
        '        renew_sums(connection, "released_texts")\n',
        "",
        (TEST_SUMS,),
    ),
    Fault(
        "a value at the border of two bins is counted in the lower one",
        "latest scores",
        "tasks/warehouse/tallies/score_sums.py",
        "histogram(-{name}::DOUBLE, ",
        "histogram(-{name}::DOUBLE + 1e-9, ",
        (TEST_SUMS,),
    ),
    Fault(
        "scores from before the reference of their model lie in none of its bins",
        "latest scores",
        "tasks/warehouse/model_registry.py",
        '    renew_sums(connection, f"(FROM scored_files WHERE model_id = {quote_sql(model_id)})")\n',
        "",
        (TEST_SUMS,),
    ),
    Fault(
        "a forgotten row stays in the sums of the shadow",
        "forgetting",
        FORGETTING,
        "    renew_shadow_sums(connection, keys)\n",
        "",
        (TEST_SUMS,),
    ),
    Fault(
        "scores of another model are not compared with those of the shadow before them",
        "shadow",
        COMMIT,
        '        renew_shadow_sums(connection, "rescored_sources")\n',
        "",
        (TEST_SUMS,),
    ),
    Fault(
        "scores of the shadow are not compared with those of the models before it",
        "shadow",
        SHADOW_SCORES,
        '        renew_shadow_sums(connection, "accepted")\n',
        "",
        (TEST_SUMS,),
    ),
    Fault(
        "the copy in a store keeps what was forgotten",
        "forgetting",
        "tasks/store/copy_upload.py",
        "        delete(store, [name_chunk(home_id, name) for name in _list_stored(store, home_id)])\n",
        "",
        ("tests/unit/test_stored_copy.py",),
    ),
    Fault(
        "another home's copy in a store is overwritten",
        "published copy",
        "tasks/store/copy_upload.py",
        "    if found and found[0].home_id != home_id:\n        raise SourceError(",
        "    if False:\n        raise SourceError(",
        ("tests/unit/test_stored_copy.py",),
    ),
    Fault(
        "scores of other texts are used again",
        "workers",
        TEXT_WORK,
        "what = [task.texts.file.sha256, *which]",
        "what = [*which]",
        (TEST_DISPATCH,),
    ),
    Fault(
        "a large file is committed before all its rows are scored",
        "workers",
        TEXT_WORK,
        "== task.in_group:\n",
        "<= task.in_group:\n",
        (TEST_DISPATCH,),
    ),
    Fault(
        "of each piece of a large file the last row is not scored",
        "workers",
        "tasks/scoring/rescoring.py",
        "(start, start + step - 1 if",
        "(start, start + step - 2 if",
        (TEST_DISPATCH,),
    ),
    Fault(
        "rows of a large object get the scores of rows that were handed out later",
        "workers",
        LARGE_OBJECTS,
        "waiting.popleft()",
        "waiting.pop()",
        (f"{TEST_LARGE}::test_what_workers_make_of_its_rows_equals_what_one_machine_does",),
    ),
    Fault(
        "the texts of a large object stay in the store where it fails",
        "workers",
        LARGE_OBJECTS,
        "            delete_all_texts(run.store, run.recipe.home_id)\n",
        "            pass\n",
        (
            f"{TEST_LARGE}::test_it_is_refused_by_name_if_its_rows_kill_workers_and_no_text_stays_in_the_store",
        ),
    ),
    Fault(
        "a worker that is late leaves the scores of texts that were forgotten",
        "workers",
        TEXT_WORK,
        "    if not has_texts(part.store, task.texts):\n",
        "    if False:\n",
        (f"{TEST_RESCORING}::test_a_worker_whose_texts_were_deleted_meanwhile_leaves_nothing",),
    ),
    Fault(
        "a store that was set before keeps what was forgotten",
        "workers",
        FORGET,
        "        forgetting.drop_stored_parts(home, store)\n        done",
        "        done",
        (
            "tests/flows/test_engine_runs.py::"
            "test_forgetting_leaves_no_byte_of_a_row_in_parts_in_a_store_that_is_set_no_more",
        ),
    ),
    Fault(
        "what a killed worker has half written into a folder stays",
        "workers",
        "tasks/store/stored_parts.py",
        "    drop_unfinished(store, folder, before)\n",
        "",
        ("tests/unit/test_stored_parts.py",),
    ),
    Fault(
        "reviews of a source without a label teach nothing",
        "learning",
        OWN_FITTING,
        "    taught = learnt or Taught(",
        "    taught = Taught(",
        (TEST_OWN_LABELS,),
    ),
    Fault(
        "a review of which the model is unsure teaches as much as a sure one",
        "learning",
        PREDICTED_LABELS,
        "sample_weight=balance * np.abs(2 * score - 1)",
        "sample_weight=balance",
        (TEST_OWN_LABELS,),
    ),
    Fault(
        "the rarer predicted label teaches less",
        "learning",
        PREDICTED_LABELS,
        "sample_weight=balance * np.abs(2 * score - 1)",
        "sample_weight=np.abs(2 * score - 1)",
        (TEST_OWN_LABELS,),
    ),
    Fault(
        "the mapping of stars follows single reviews",
        "learning",
        "models/evaluation/stars.py",
        "min(STAR_GROUPS, len(scores))",
        "len(scores)",
        ("tests/models/test_stars.py",),
    ),
    Fault(
        "reviews with a label count by the label that the model judges",
        "learning",
        "models/wide_lstm/recipe.py",
        "        judged[: len(positive)] = positive\n",
        "",
        (TEST_NGRAMS,),
    ),
    Fault(
        "a line with two values of one key is read",
        "reading",
        "tasks/review_files/objects/json_lines.py",
        "    if _may_repeat_key(line, row) and",
        "    if False and",
        ("tests/unit/test_review_files.py",),
    ),
    Fault(
        "a further sheet of reviews whose column is written otherwise is not read, in silence",
        "reading",
        "tasks/review_files/tables/workbooks.py",
        "_are_alike(text, chosen[1])",
        "text == chosen[1]",
        ("tests/unit/test_workbooks.py",),
    ),
    Fault(
        "dates with a short year and dashes are read with the year last",
        "reading",
        "tasks/review_files/inference/date_decisions.py",
        "(more > 0 or (more == 0 and ",
        "(more > 0 or (False and ",
        ("tests/unit/test_inference.py",),
    ),
    Fault(
        "one header of a tar may set any number of fields for all members",
        "reading",
        "tasks/containers/tar_files.py",
        "len(archive.pax_headers) + records > ",
        "len(archive.pax_headers) > ",
        (TEST_BAD_INPUT,),
    ),
    Fault(
        "a machine takes the lease while another one holds it",
        "shared home",
        "tasks/sharing/lease.py",
        "if (is_free or time.monotonic() - since > pace.expiry)",
        "if (is_free or time.monotonic() - since >= 0)",
        ("tests/unit/test_shared_lease.py",),
    ),
    Fault(
        "a lease that its holder renews expires",
        "shared home",
        "tasks/sharing/lease.py",
        "seen, since = content, time.monotonic()\n        is_free",
        "seen = content\n        is_free",
        ("tests/unit/test_shared_lease.py",),
    ),
    Fault(
        "a machine gives back the lease of its successor",
        "shared home",
        "tasks/sharing/lease.py",
        'return _parse(content).get("turn") == claim.turn and _try_swap',
        "return _try_swap",
        ("tests/unit/test_shared_lease.py",),
    ),
    Fault(
        "a machine goes on from its database though another one has written",
        "shared home",
        "tasks/sharing/following.py",
        "if is_base(home, found[0]) or _was_alone",
        "if home.base.exists() or _was_alone",
        ("tests/unit/test_shared_database.py",),
    ),
    Fault(
        "a machine uploads over what its successor has uploaded",
        "shared home",
        "tasks/store/copy_upload.py",
        "if is_replaced(home, found[0] if found else None):",
        "if False:",
        ("tests/unit/test_shared_database.py",),
    ),
    Fault(
        "an uploaded database is not noted as the base of the next turn",
        "shared home",
        "tasks/store/copy_upload.py",
        "        _note_shared(home, new)\n",
        "",
        ("tests/unit/test_shared_database.py",),
    ),
    Fault(
        "the records of a training are lost when the database is replaced",
        "shared home",
        "tasks/sharing/following.py",
        "        if warehouse.exists():\n            _carry_over",
        "        if False:\n            _carry_over",
        ("tests/unit/test_shared_database.py",),
    ),
    Fault(
        "a machine that began its own database replaces that of the others",
        "shared home",
        "tasks/sharing/following.py",
        "and copy.home == describe_place(home)",
        "",
        ("tests/unit/test_shared_database.py",),
    ),
    Fault(
        "a profile that was changed on another machine overwrites one that was changed here",
        "shared home",
        "tasks/sharing/files.py",
        "if mine not in (old, theirs) and theirs != old:",
        "if False:",
        ("tests/unit/test_shared_files.py",),
    ),
    Fault(
        "the store may write any file of a home",
        "shared home",
        "tasks/sharing/files.py",
        "if not isinstance(found, dict) or not all",
        "if not isinstance(found, dict) or False and not all",
        ("tests/unit/test_shared_files.py",),
    ),
    Fault(
        "a machine without a model begins the home",
        "shared home",
        "tasks/sharing/turn.py",
        "or list_shared(home)):",
        "or True):",
        ("tests/flows/test_shared_home.py",),
    ),
    Fault(
        "scores are delivered that another machine does not see",
        "shared home",
        "tasks/stages/publish.py",
        "if is_uploaded or not home.base.exists() else",
        "if True else",
        ("tests/flows/test_shared_home.py",),
    ),
)
