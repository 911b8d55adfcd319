-- A challenger that scores beside the champion for a time: the shadow. Its scores have tables of their own, so that no query
-- of the scores that count can meet them.

-- One row per time for which a model was made the shadow.
CREATE TABLE shadows (
    number BIGINT PRIMARY KEY, -- from 1, no gaps
    model_id VARCHAR NOT NULL, -- as in models; the shadow
    started_at TIMESTAMPTZ NOT NULL, -- when it was started
    started_by VARCHAR NOT NULL, -- the user who started it
    since TIMESTAMPTZ NOT NULL, -- it scores files that were first committed from then on
    until TIMESTAMPTZ, -- when it ends by itself; null where it does not
    ended_at TIMESTAMPTZ, -- when it was stopped, or its model became the champion; null before, and where it ended by itself
    ended_by VARCHAR, -- the user who stopped it, or 'promotion'; null as ended_at
    trouble VARCHAR, -- why it could not score in the last run that had rows for it; null where it could
    trouble_since TIMESTAMPTZ -- since when it can't for this reason; null as trouble
);

-- One row per source file per model that scored it as the shadow: source_sha256, model_id. A file is committed whole or not at all.
CREATE TABLE shadow_files (
    source_sha256 VARCHAR, -- as in scored_files
    model_id VARCHAR, -- as in shadows
    rows BIGINT NOT NULL, -- rows that got a score; some may have been forgotten since
    run_id VARCHAR NOT NULL, -- the run that scored it
    committed_at TIMESTAMPTZ NOT NULL, -- when the scores were committed
    PRIMARY KEY (source_sha256, model_id)
);

-- One row per source row per model that scored it as the shadow: source_sha256, row_number, model_id.
CREATE TABLE shadow_scores (
    source_sha256 VARCHAR NOT NULL, -- as in source_reviews
    row_number BIGINT NOT NULL, -- as in source_reviews
    model_id VARCHAR NOT NULL, -- as in shadows
    score DOUBLE NOT NULL CHECK (score >= 0 AND score <= 1), -- P(positive), 0 to 1
    sentiment VARCHAR NOT NULL CHECK (sentiment IN ('positive', 'negative')), -- 'positive' from score 0.5 up
    predicted_rating DOUBLE NOT NULL, -- 1 to 10 stars
    token_count INTEGER NOT NULL, -- words of the whole text
    oov_rate FLOAT NOT NULL, -- share of them that the model does not know, 0 to 1
    truncated BOOLEAN NOT NULL, -- more words than the model reads
    run_id VARCHAR NOT NULL, -- the run that scored it
    scored_at TIMESTAMPTZ NOT NULL -- when the row was scored
);

-- One row per run in which the shadow and the champion were timed on the same texts, and shadow: run_id, model_id.
CREATE TABLE shadow_timings (
    run_id VARCHAR, -- as in runs
    model_id VARCHAR, -- as in shadows
    compared_with VARCHAR NOT NULL, -- model_id of the champion at that time
    texts BIGINT NOT NULL, -- texts that both scored, in turns
    shadow_seconds DOUBLE NOT NULL, -- the shortest time in which the shadow scored them
    champion_seconds DOUBLE NOT NULL, -- the shortest time in which the champion did
    PRIMARY KEY (run_id, model_id)
);
