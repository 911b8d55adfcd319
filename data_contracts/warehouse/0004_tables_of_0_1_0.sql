-- The tables of version 0.1.0, each with its grain.
-- Instants are TIMESTAMP WITH TIME ZONE: the same moment in every reader's time zone. Hashes are in hex.
-- The two large tables have no key, because a key makes loading twice as slow and the file three times as large.
-- The ledger `scored_files` has the key instead, and a commit adds each file only once.

-- One row per numbered migration applied.
CREATE TABLE schema_migrations (
    version INTEGER PRIMARY KEY, -- from 1
    name VARCHAR NOT NULL, -- its file's name without .sql
    applied_at TIMESTAMPTZ NOT NULL, -- when it was applied
    views_sha256 VARCHAR -- of the views as last created under this version; null before that
);

-- One row per uri: the file last found there, so that an unchanged file is not hashed again.
CREATE TABLE inbox_files (
    uri VARCHAR PRIMARY KEY, -- the name relative to the inbox, or the whole path outside it
    size BIGINT NOT NULL, -- bytes
    mtime_ns BIGINT NOT NULL, -- nanoseconds since 1970, the modification time in the file system
    source_sha256 VARCHAR NOT NULL, -- of the file's bytes when it was last hashed
    first_seen TIMESTAMPTZ NOT NULL, -- when it was first found
    last_seen TIMESTAMPTZ NOT NULL -- up to an hour late where the file is still the same
);

-- One row per accepted source row: source_sha256, row_number.
CREATE TABLE source_reviews (
    source_sha256 VARCHAR NOT NULL, -- of the file's original bytes; in a later reading, a dot and the version of the profile follow
    row_number BIGINT NOT NULL, -- from 1; counts bad rows too, and continues through the members of an archive
    member VARCHAR, -- name inside a zip or tar; null elsewhere
    review_id VARCHAR, -- null where the source names none
    movie_id VARCHAR, -- null where the source names none
    reviewed_at TIMESTAMPTZ, -- null where the source gives none
    text VARCHAR USING COMPRESSION zstd NOT NULL, -- the original text; zstd suits long texts
    text_sha256 VARCHAR NOT NULL, -- of the text's UTF-8 bytes
    given_label VARCHAR, -- 'positive' or 'negative' by the source; null where it gives none
    given_rating DOUBLE, -- 1 to 10 stars by the source; null where it gives none
    extra JSON -- the source's other columns; null where there are none
);

-- One row per source row per model: source_sha256, row_number, model_id.
CREATE TABLE scored_reviews (
    source_sha256 VARCHAR NOT NULL, -- as in source_reviews
    row_number BIGINT NOT NULL, -- as in source_reviews
    model_id VARCHAR NOT NULL, -- the model that gave the score
    score DOUBLE NOT NULL CHECK (score >= 0 AND score <= 1), -- P(positive), 0 to 1
    sentiment VARCHAR NOT NULL CHECK (sentiment IN ('positive', 'negative')), -- 'positive' from score 0.5 up
    predicted_rating DOUBLE NOT NULL, -- 1 to 10 stars
    token_count INTEGER NOT NULL, -- words of the whole text
    oov_rate FLOAT NOT NULL, -- share of them that the model does not know, 0 to 1
    truncated BOOLEAN NOT NULL, -- more words than the model reads
    run_id VARCHAR, -- the run that scored it; a release is a run of its own
    scored_at TIMESTAMPTZ NOT NULL -- when the row was scored
);

-- One row per source file per model: the ledger. A file is committed whole or not at all.
CREATE TABLE scored_files (
    source_sha256 VARCHAR, -- the file: of its bytes as found; in a later reading, a dot and the version of the profile follow
    model_id VARCHAR, -- the model that scored it
    status VARCHAR NOT NULL CHECK (status IN ('scored', 'refused')), -- 'refused': none of its rows is kept
    rule VARCHAR, -- the file rule that it broke; null where scored
    detail VARCHAR, -- where and how it broke it; null where scored
    uri VARCHAR NOT NULL, -- the name under which it was read; for names of copies see inbox_files
    format VARCHAR, -- such as csv.gz; null where unknown
    bytes BIGINT, -- its size as found
    rows_read BIGINT, -- scored rows + quarantined rows not released; up to the refusal where refused
    run_id VARCHAR, -- the run that scored or refused it
    committed_at TIMESTAMPTZ NOT NULL, -- when the file was committed
    PRIMARY KEY (source_sha256, model_id)
);

-- One row per source row that broke a row rule: source_sha256, row_number.
CREATE TABLE quarantined_rows (
    source_sha256 VARCHAR, -- the file: of its bytes as found
    row_number BIGINT, -- from 1, counted as in source_reviews
    uri VARCHAR, -- the name under which the file was read
    member VARCHAR, -- name inside a zip or tar; null elsewhere
    raw BLOB, -- the row's original bytes; null where the row has none
    rule VARCHAR NOT NULL, -- the row rule that it broke
    detail VARCHAR, -- where and how
    run_id VARCHAR, -- the run that quarantined it
    quarantined_at TIMESTAMPTZ NOT NULL, -- when the row was quarantined
    released_at TIMESTAMPTZ, -- null until released; from then on the row is among the scored ones
    released_by VARCHAR, -- null until released
    review_id VARCHAR, -- null where the source names none
    movie_id VARCHAR, -- likewise
    reviewed_at TIMESTAMPTZ, -- likewise
    given_label VARCHAR, -- likewise
    given_rating DOUBLE, -- likewise
    extra JSON, -- the source's other columns; likewise
    raw_is_text BOOLEAN, -- raw is the whole text, so the row can be released
    PRIMARY KEY (source_sha256, row_number)
);

-- One row per bundle. Shares and areas are 0 to 1, log losses are in nats; null where not measured.
CREATE TABLE models (
    model_id VARCHAR PRIMARY KEY, -- variant, seed and a digest of what it learned
    variant VARCHAR NOT NULL, -- see `reviews models variants`
    seed BIGINT NOT NULL, -- of its random numbers
    epochs INTEGER, -- number of epochs trained
    kept_epoch INTEGER, -- the epoch whose weights were kept, from 1
    dataset VARCHAR NOT NULL, -- 'stanford', 'sample' or 'other'
    data_fingerprint VARCHAR NOT NULL, -- of the reviews that it was trained on
    code_fingerprint VARCHAR NOT NULL, -- of the code that trained it, the newest that gave these weights
    bundle_fingerprint VARCHAR NOT NULL, -- a bundle with another fingerprint was altered and can't score
    train_rows BIGINT, -- reviews
    validation_rows BIGINT, -- reviews, of titles that are not in train
    test_rows BIGINT, -- reviews
    validation_accuracy DOUBLE, -- share of sentiments that are right
    validation_auc DOUBLE, -- area under the ROC curve
    validation_log_loss DOUBLE, -- nats a review
    validation_ece DOUBLE, -- expected calibration error
    test_accuracy DOUBLE, -- share of sentiments that are right
    test_auc DOUBLE, -- area under the ROC curve
    test_log_loss DOUBLE, -- nats a review
    test_ece DOUBLE, -- expected calibration error
    test_accuracy_unseen_texts DOUBLE, -- without the test texts that are also in train
    baseline_test_accuracy DOUBLE, -- of the linear baseline on the same rows
    hyper_parameters JSON, -- of the variant, by name
    metrics JSON, -- every figure: confusion, reliability bins, history by epoch, baseline
    versions JSON, -- of Python and the libraries
    trained_at TIMESTAMPTZ NOT NULL, -- when the model was trained
    rating_interval_title DOUBLE, -- The 90 % interval of a movie's mean rating over n reviews is plus or minus sqrt(title^2 + review^2 / n) stars, fitted on held-out titles; all columns from here on are null where the bundle has no fitted rating. This one: stars; the error that more reviews do not reduce
    rating_interval_review DOUBLE, -- stars; the error of a single review
    test_rating_mae DOUBLE, -- stars, mean absolute error of predicted_rating
    test_rating_rmse DOUBLE, -- stars
    test_rating_spearman DOUBLE, -- of predicted and given ratings, review by review
    test_title_spearman DOUBLE, -- of mean ratings, over titles with 10 reviews or more
    test_title_pearson DOUBLE -- likewise
);

-- One row per promotion or rollback, append-only; the model of the last one is the champion.
CREATE TABLE promotions (
    number BIGINT PRIMARY KEY, -- from 1, no gaps
    action VARCHAR NOT NULL CHECK (action IN ('promote', 'rollback')), -- 'promote' or 'rollback'
    model_id VARCHAR NOT NULL, -- the champion from here on
    reason VARCHAR NOT NULL, -- why, in words
    compared_with VARCHAR, -- model_id of the champion before; null for the first
    "at" TIMESTAMPTZ NOT NULL -- a reserved word of DuckDB: write "at", or promotions.at
);

-- One row per flow run.
CREATE TABLE runs (
    run_id VARCHAR PRIMARY KEY, -- as in the tables that it wrote
    flow VARCHAR NOT NULL, -- such as score-reviews
    parameters JSON, -- the run's parameters, by name
    code_version VARCHAR, -- of the program
    started_at TIMESTAMPTZ NOT NULL, -- when the run started
    ended_at TIMESTAMPTZ, -- null while it runs, or where it was killed
    status VARCHAR NOT NULL, -- 'running', 'completed', 'failed', or 'stopped': it was killed, as a later run has found
    counts JSON -- the run's counts, by name; null until it ended
);

-- One row per expectation per file or stage per run.
CREATE TABLE contract_results (
    run_id VARCHAR, -- the run that checked
    boundary VARCHAR NOT NULL, -- where: the contract's name
    source_sha256 VARCHAR, -- null where the check is of a stage
    rule VARCHAR NOT NULL, -- the project's short name of the rule
    expectation VARCHAR NOT NULL, -- of Great Expectations
    columns VARCHAR NOT NULL, -- '' where it is of no column
    severity VARCHAR NOT NULL, -- 'error' or 'warning'
    success BOOLEAN NOT NULL, -- whether the rule was kept
    observed VARCHAR NOT NULL, -- what was found
    expected VARCHAR NOT NULL, -- what the rule requires
    unexpected_count BIGINT NOT NULL, -- rows or values that broke it
    checked_at TIMESTAMPTZ NOT NULL -- when the check ran
);

-- One row per source row that was forgotten: source_sha256, row_number. It keeps no content of the row.
CREATE TABLE forgotten_rows (
    source_sha256 VARCHAR, -- as in source_reviews
    row_number BIGINT, -- as in source_reviews
    was_quarantined BOOLEAN NOT NULL, -- true: quarantined and not released; false: scored
    reason VARCHAR, -- as given by the user; null where none was given
    forgotten_by VARCHAR NOT NULL, -- the user who asked for it
    forgotten_at TIMESTAMPTZ NOT NULL, -- when the row was forgotten
    PRIMARY KEY (source_sha256, row_number)
);

-- One row per model and measure of its held-out reviews: model_id, measure.
CREATE TABLE reference_measures (
    model_id VARCHAR, -- as in models
    measure VARCHAR, -- 'score', 'token_count', 'oov_rate' or 'truncated', as in scored_reviews
    reviews BIGINT NOT NULL, -- held-out reviews that were measured
    mean DOUBLE NOT NULL, -- over the held-out reviews
    critical_value DOUBLE NOT NULL, -- times (1/n + 1/reviews), the PSI that n random reviews hardly ever exceed
    PRIMARY KEY (model_id, measure)
);

-- One row per model, measure and bin of its held-out reviews: model_id, measure, bin.
CREATE TABLE reference_bins (
    model_id VARCHAR, -- as in models
    measure VARCHAR, -- as in reference_measures
    bin INTEGER, -- from 1, upwards
    lower DOUBLE NOT NULL, -- the lowest value in the bin, which ends where the next begins; -infinity for the first
    reviews BIGINT NOT NULL, -- held-out reviews in it
    PRIMARY KEY (model_id, measure, bin)
);

-- One row per decision of the gate and rule: decision, name. Where there was no comparison, the rule is 'first_model',
-- 'not_compared' or 'golden_scores'. The intervals of slices are simultaneous over all slices.
CREATE TABLE gate_checks (
    decision BIGINT, -- from 1, upwards
    name VARCHAR, -- 'log_loss', 'accuracy', 'slice NAME', 'behaviour TYPE', 'cost'; others where nothing was compared
    model_id VARCHAR NOT NULL, -- as in models; the challenger
    compared_with VARCHAR, -- model_id of the champion at that time; null for the first model
    mode VARCHAR NOT NULL, -- 'auto', 'never' or 'always', as requested
    promoted BOOLEAN NOT NULL, -- whether the decision made the challenger the champion
    passed BOOLEAN NOT NULL, -- whether the challenger keeps the rule
    detail VARCHAR NOT NULL, -- in words, with the figures
    challenger DOUBLE, -- its figure: nats, a share of reviews or tests, or seconds a review; null where there is none
    champion DOUBLE, -- likewise
    gain_lower DOUBLE, -- lower end of the 95 % interval of the challenger's gain, in nats or as a share; null if none
    gain_upper DOUBLE, -- upper end of the same interval
    run_id VARCHAR, -- the run that decided, as in runs; null for a command
    "at" TIMESTAMPTZ NOT NULL, -- when it was decided
    PRIMARY KEY (decision, name)
);
