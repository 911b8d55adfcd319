-- From the tables of version 0.1.0 to those of 0.2.0. What is kept up to date from other rows, such as the columns of
-- source_reviews below `extra`, is made after it (`rebuild` in tasks/warehouse/latest_scores.py).

ALTER TABLE inbox_files ADD COLUMN etag VARCHAR; -- the store's mark of an object's content; null for a file on disk

ALTER TABLE source_reviews ADD COLUMN file_uri VARCHAR; -- the name under which its file was first committed
ALTER TABLE source_reviews ADD COLUMN file_seen_at TIMESTAMPTZ; -- when its file was first committed
ALTER TABLE source_reviews ADD COLUMN review_key UBIGINT; -- a number from review_id (where there is none: text_sha256) and movie_id, to find a review's rows
ALTER TABLE source_reviews ADD COLUMN is_latest BOOLEAN; -- whether it is the newest row of its review, as latest_scores defines it
ALTER TABLE source_reviews ADD COLUMN best_model_id VARCHAR; -- of the model promoted last of those that scored the row; null if none of them was promoted
ALTER TABLE source_reviews ADD COLUMN best_score DOUBLE; -- that model's score, as in scored_reviews; null likewise, as are the columns below
ALTER TABLE source_reviews ADD COLUMN best_sentiment VARCHAR; -- as in scored_reviews
ALTER TABLE source_reviews ADD COLUMN best_predicted_rating DOUBLE; -- as in scored_reviews
ALTER TABLE source_reviews ADD COLUMN best_token_count INTEGER; -- as in scored_reviews
ALTER TABLE source_reviews ADD COLUMN best_oov_rate FLOAT; -- as in scored_reviews
ALTER TABLE source_reviews ADD COLUMN best_truncated BOOLEAN; -- as in scored_reviews
ALTER TABLE source_reviews ADD COLUMN best_scored_at TIMESTAMPTZ; -- as in scored_reviews
ALTER TABLE source_reviews ADD COLUMN file_source VARCHAR DEFAULT 'default'; -- of its file when it was first committed
ALTER TABLE source_reviews ADD COLUMN in_english BOOLEAN; -- whether the text seems to be in English; null for rows from before it was kept
ALTER TABLE source_reviews ADD COLUMN near_key UBIGINT; -- equal in most near-copies of a text; null without a word, and for rows from before it was kept
ALTER TABLE source_reviews ADD COLUMN file_commit_number BIGINT; -- of the commit that first brought its file: the order of arrival
ALTER TABLE source_reviews ADD COLUMN counts BOOLEAN; -- whether the row counts in ratings and shares; null, which counts too, for rows from before it was kept

ALTER TABLE scored_reviews ADD COLUMN source VARCHAR DEFAULT 'default'; -- of its file, as in scored_files

ALTER TABLE scored_files ADD COLUMN source VARCHAR DEFAULT 'default'; -- the folder of the inbox; 'default' for a file in none
ALTER TABLE scored_files ADD COLUMN profile_version VARCHAR; -- of the profile by which it was read; null where it had none
ALTER TABLE scored_files ADD COLUMN superseded_at TIMESTAMPTZ; -- when another reading of the file took its place; null while it counts
ALTER TABLE scored_files ADD COLUMN commit_number BIGINT; -- of the commit: a later one has a greater number, whatever the clock showed
ALTER TABLE scored_files ADD COLUMN superseded_number BIGINT; -- of the change by which it counts no more, in the same series; null while it counts
ALTER TABLE scored_files ADD COLUMN grown_into VARCHAR; -- the sha256 of the last file that it grew into; null where none took its place so
ALTER TABLE scored_files ADD COLUMN refused_as VARCHAR[]; -- as what a refused file was read: each time the version of the profile, or none, and the uri; null if it never was
UPDATE scored_files SET
    commit_number = epoch_us(committed_at), -- so their order stays
    refused_as = CASE WHEN status = 'refused' THEN ['none ' || uri] END;

ALTER TABLE promotions ADD COLUMN promoted_by VARCHAR; -- user@machine of the command or run; null if an earlier version promoted
ALTER TABLE promotions ADD COLUMN commit_number BIGINT; -- of the last commit before it, as in scored_files; 0 where there was none
UPDATE promotions SET commit_number = (
    SELECT coalesce(max(files.commit_number), 0) FROM scored_files AS files WHERE files.committed_at <= promotions."at"
);

ALTER TABLE forgotten_rows ADD COLUMN rows_read BIGINT; -- as in scored_files, of the reading that was forgotten; null if unknown
ALTER TABLE forgotten_rows ADD COLUMN rows_chosen VARCHAR; -- the part of the profile's version after a dash, of the reading that was forgotten; empty without one, null if unknown
ALTER TABLE forgotten_rows ADD COLUMN bytes BIGINT; -- the size of the row's file; null if unknown
UPDATE forgotten_rows SET rows_read = files.rows_read, bytes = files.bytes
FROM (
    SELECT source_sha256, max(rows_read) FILTER (status = 'scored') AS rows_read, max(bytes) AS bytes
    FROM scored_files GROUP BY source_sha256
) AS files
WHERE files.source_sha256 = forgotten_rows.source_sha256;

ALTER TABLE contract_results ADD COLUMN source VARCHAR; -- of the rows, where the check depends on it; null for all other checks
ALTER TABLE models ADD COLUMN own_labels_until TIMESTAMPTZ; -- labels and ratings that sources gave until then may have been learnt from; null where none were
ALTER TABLE gate_checks ADD COLUMN reviews BIGINT; -- on which a slice or source was measured; null for other rules, and in version 0.1.0

-- One row per score with another sentiment than the score that counts for its row: source_sha256, row_number, model_id.
-- Whatever changes which score counts changes these rows in the same transaction (tasks/warehouse/latest_scores.py).
CREATE TABLE flipped_scores (
    source_sha256 VARCHAR NOT NULL, -- as in scored_reviews
    row_number BIGINT NOT NULL, -- as in scored_reviews
    model_id VARCHAR NOT NULL, -- of the other model, as in scored_reviews
    score DOUBLE NOT NULL -- that model's score, as in scored_reviews
);

-- One row per source row, with the number of its text: source_sha256, row_number. Whatever adds or deletes rows changes this
-- table and repeated_texts in the same transaction (tasks/warehouse/tallies/repeated_texts.py).
CREATE TABLE text_keys (
    text_key UBIGINT NOT NULL, -- the first 16 digits of text_sha256 as a number; two texts may have the same
    source_sha256 VARCHAR NOT NULL, -- as in source_reviews
    row_number BIGINT NOT NULL -- as in source_reviews
);

-- One row per text that several source rows have, of whatever readings: text_sha256.
CREATE TABLE repeated_texts (
    text_sha256 VARCHAR NOT NULL -- as in source_reviews
);

-- One row per near_key that several source rows with a label or a rating have, of whatever readings. Whatever adds or deletes
-- rows changes it in the same transaction (tasks/warehouse/tallies/near_copies.py).
CREATE TABLE near_copies (
    near_key UBIGINT NOT NULL -- as in source_reviews
);

-- One row per file, model, run, source and UTC day of scoring, with sums over the rows that the model scored. Whatever adds
-- or deletes scores changes them in the same transaction (tasks/warehouse/tallies/score_sums.py).
CREATE TABLE score_sums (
    source_sha256 VARCHAR NOT NULL, -- as in scored_reviews
    model_id VARCHAR NOT NULL, -- as in scored_reviews
    run_id VARCHAR NOT NULL, -- as in scored_reviews; empty where that is null
    source VARCHAR NOT NULL, -- as in scored_reviews
    day DATE NOT NULL, -- of scored_at, in UTC
    rows BIGINT NOT NULL, -- rows that the model scored
    labelled BIGINT NOT NULL, -- those that came with a label, or a rating that implies one, as in live_accuracy
    right_ones BIGINT NOT NULL, -- those of them whose sentiment is the label
    rated BIGINT NOT NULL, -- rows that came with a rating
    stars_off DOUBLE NOT NULL, -- over those: absolute errors of the predicted ratings
    given_stars DOUBLE NOT NULL, -- over those
    predicted_stars DOUBLE NOT NULL, -- over those
    score_total DOUBLE NOT NULL, -- sum of score over all rows
    token_count_total DOUBLE NOT NULL, -- likewise
    oov_rate_total DOUBLE NOT NULL, -- likewise
    truncated_total DOUBLE NOT NULL, -- rows that are truncated
    score_bins BIGINT[] NOT NULL, -- rows in each bin of the score in reference_bins; in one if the model has no reference
    token_count_bins BIGINT[] NOT NULL, -- likewise
    oov_rate_bins BIGINT[] NOT NULL, -- likewise
    truncated_bins BIGINT[] NOT NULL -- likewise
);

-- One row per model, source and measure: all rows of the source that the model has scored since 0.1.0. Released rows
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

-- One row per file, shadow and other model that scored it, with sums over the rows that both scored, of whatever reviews.
-- Whatever adds or deletes their scores changes them in the same transaction (tasks/warehouse/shadow/sums.py).
CREATE TABLE shadow_sums (
    source_sha256 VARCHAR NOT NULL, -- as in shadow_scores
    model_id VARCHAR NOT NULL, -- as in shadow_scores
    compared_with VARCHAR NOT NULL, -- model_id of the other model, as in scored_reviews
    reviews BIGINT NOT NULL, -- rows that both scored
    flips BIGINT NOT NULL, -- those with another sentiment from the shadow
    rated BIGINT NOT NULL, -- rows that came with a rating
    score_differences DOUBLE NOT NULL, -- sum of the absolute differences of the two scores
    rating_differences DOUBLE NOT NULL, -- sum of those of the two predicted ratings
    score_total DOUBLE NOT NULL, -- sum of the shadow's scores
    other_total DOUBLE NOT NULL, -- sum of the other model's scores
    score_squares DOUBLE NOT NULL, -- sum of the squares of the shadow's scores
    other_squares DOUBLE NOT NULL, -- sum of the squares of the other model's
    score_products DOUBLE NOT NULL, -- sum of the products of the two scores
    stars_off DOUBLE NOT NULL, -- over the rows with a rating: absolute errors of the shadow's predicted ratings
    other_stars_off DOUBLE NOT NULL, -- likewise, of the other model
    titles STRUCT(movie_id VARCHAR, labelled BIGINT, right_ones BIGINT, other_right_ones BIGINT, only_right BIGINT)[] NOT NULL -- by movie, null where none is known: rows that came with a label, or a rating that implies one; those whose sentiment is the label from the shadow, from the other model, and from the shadow alone
);

-- One row per promotion and source, with labelled reviews of files that came since it; and one over all sources. Runs
-- that score renew those of the champion.
CREATE TABLE promises (
    number BIGINT NOT NULL, -- as in promotions
    model_id VARCHAR NOT NULL, -- as in models; the champion from that promotion on
    source VARCHAR, -- a folder of the inbox, or 'default'; null over all sources
    since TIMESTAMPTZ NOT NULL, -- when it became the champion
    promised DOUBLE NOT NULL, -- accuracy on held-out reviews, 0 to 1; over all sources the mean by their reviews
    promised_by VARCHAR NOT NULL, -- whose held-out reviews: 'own labels' of the source, 'archive', or 'both'
    reviews BIGINT NOT NULL, -- labelled reviews of files that came since, in the last 90 days, each once
    right_reviews BIGINT NOT NULL, -- those whose sentiment is the label
    evidence DOUBLE NOT NULL, -- of a fall of the accuracy; from 1 on it is beyond chance
    fallen_since DATE, -- UTC day from which on a fall is most likely; null where there is none beyond chance
    reviews_since_fall BIGINT NOT NULL, -- labelled reviews from that day on; 0 where there is none
    right_since_fall BIGINT NOT NULL, -- those whose sentiment is the label
    judged_at TIMESTAMPTZ NOT NULL -- by the last run that scored
);

-- One row per text that somebody labelled or skipped: text_sha256.
CREATE TABLE review_labels (
    text_sha256 VARCHAR PRIMARY KEY, -- of the text's UTF-8 bytes: the label is of every row with this text
    given_label VARCHAR, -- 'positive' or 'negative'; null where only stars were given, or the text was skipped
    given_rating DOUBLE, -- 1 to 10 stars; null where none were given
    is_random BOOLEAN NOT NULL, -- whether the review was drawn at random; of the others none counts in live_accuracy
    labelled_at TIMESTAMPTZ NOT NULL, -- when it was given, or its file last changed
    uri VARCHAR NOT NULL -- as in label_files; the file that it came in
);

-- One row per file of labels that was taken in: uri.
CREATE TABLE label_files (
    uri VARCHAR PRIMARY KEY, -- name in the inbox; the whole URI of an object of a store
    size BIGINT NOT NULL, -- in bytes, when it was taken in; -1 if the next run is to read it again
    mtime_ns BIGINT NOT NULL, -- time of its last change in nanoseconds since 1970
    labels BIGINT NOT NULL, -- texts that it labels
    taken_at TIMESTAMPTZ NOT NULL -- when it was taken in
);

-- One row per kind and subject: what a run found that somebody should know or do something about.
CREATE TABLE findings (
    number BIGINT NOT NULL, -- from 1; `reviews findings accept` takes it
    kind VARCHAR NOT NULL, -- such as 'refused_file'; docs/operations.md lists them
    subject VARCHAR NOT NULL, -- of what it is: a file, source, model, destination, movie, rule or flow
    source VARCHAR, -- whose files show it, as in scored_files; null where it is of no source
    level VARCHAR NOT NULL, -- 'error', 'warning' or 'note'
    what VARCHAR NOT NULL, -- what is so, with figures
    next VARCHAR NOT NULL, -- the command that goes on with it, or a sentence that has it
    state VARCHAR NOT NULL, -- 'open', 'settled' once it is so no longer, or 'accepted'
    first_run VARCHAR, -- the run that opened it; null for a command
    first_seen TIMESTAMPTZ NOT NULL, -- when it was opened, by the same run
    last_run VARCHAR, -- the last run that wrote it; runs that find nothing new write none
    last_seen TIMESTAMPTZ NOT NULL, -- when it was written so
    accepted_by VARCHAR, -- who accepted it, as user@host; null if nobody did
    reason VARCHAR, -- why it was accepted; null likewise
    told_at TIMESTAMPTZ -- when the webhook was told of it; null before
);
