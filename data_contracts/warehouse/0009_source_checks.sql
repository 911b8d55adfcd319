-- What each source sends, and how it differs from what it sent before.

ALTER TABLE source_reviews ADD COLUMN in_english BOOLEAN; -- whether the text seems to be in English; null before version 9
ALTER TABLE contract_results ADD COLUMN source VARCHAR; -- of the rows, where the check depends on it; null for all other checks

-- One row per model, source and measure: all rows of the source that the model has scored since version 9. Released rows
-- are left out; forgotten rows stay counted, and rows of readings that count no more.
CREATE TABLE source_measures (
    model_id VARCHAR NOT NULL, -- as in models
    source VARCHAR NOT NULL, -- as in scored_reviews
    measure VARCHAR NOT NULL, -- 'score', 'token_count', 'oov_rate' or 'truncated', as in scored_reviews
    bins BIGINT[] NOT NULL, -- rows in each of 40 bins of the measure, as tasks/warehouse/tallies/measures.py defines them
    total DOUBLE NOT NULL -- sum of the measure over these rows
);

-- One row per run, model, source and measure: the rows of the source that the run scored, and those scored before.
CREATE TABLE run_measures (
    run_id VARCHAR NOT NULL, -- as in runs
    model_id VARCHAR NOT NULL, -- as in models
    source VARCHAR NOT NULL, -- as in scored_reviews
    measure VARCHAR NOT NULL, -- as in source_measures
    bins BIGINT[] NOT NULL, -- rows that the run scored, in each bin as in source_measures
    total DOUBLE NOT NULL, -- sum of the measure over these rows
    past_bins BIGINT[], -- bins of source_measures before the run's first commit; null where there was none
    past_total DOUBLE -- total of source_measures before the run's first commit; null likewise
);

-- One row per source and UTC day on which its files were first committed.
CREATE TABLE source_days (
    source VARCHAR NOT NULL, -- as in scored_files
    day DATE NOT NULL, -- of the first commit, in UTC
    files BIGINT NOT NULL, -- of this day, without refused ones; a file that is read again counts once
    rows BIGINT NOT NULL, -- read from them
    last_file_at TIMESTAMPTZ NOT NULL -- when the last of them was committed
);

INSERT INTO source_days
SELECT source, make_timestamp(epoch_us(seen_at))::DATE, count(*), coalesce(sum(rows_read), 0), max(seen_at)
FROM (
    SELECT coalesce(arg_min(source, committed_at), 'default') AS source, min(committed_at) AS seen_at,
        max(rows_read) AS rows_read
    FROM scored_files WHERE status = 'scored' GROUP BY left(source_sha256, 64)
)
GROUP BY ALL ORDER BY 2, 1;

-- One row per source, rule and day of which an event was emitted, so that it is emitted once.
CREATE TABLE source_alerts (
    source VARCHAR NOT NULL, -- as in source_days
    rule VARCHAR NOT NULL, -- 'files_on_time' or 'rows_as_usual'
    day DATE NOT NULL, -- the last day with files before a lateness, or the day with few or many rows
    alerted_at TIMESTAMPTZ NOT NULL -- when the event was emitted
);
