-- What each source sends, and how it differs from what it sent before.

ALTER TABLE source_reviews ADD COLUMN in_english BOOLEAN; -- whether the text seems to be in English; null before version 8
ALTER TABLE contract_results ADD COLUMN source VARCHAR; -- whose rows were checked together; null for a check of a file or stage

-- One row per model, source and measure: all rows of the source that the model has scored since version 8. Released rows
-- are left out; forgotten rows stay counted.
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
