-- The views, in the order in which they build on each other. Nothing in them is newer than DuckDB 1.4.
-- They are created again whenever this file has changed since they were created.
-- The comment above each view states its grain. The last SELECT has one column per line, each with a comment;
-- the docs are generated from these comments.
-- Days are UTC days in every reader's time zone: make_timestamp(epoch_us(...)) ignores the session's time zone.

-- One row per review that counts, which a review_id or, where there is none, a text identifies together with a movie_id: its
-- newest row ([which that is](feeding.md#when-a-review-comes-again)), with the champion's score or, where it has not scored it,
-- that of the newest promoted model that has.
CREATE OR REPLACE VIEW latest_scores AS
SELECT
    review_id, -- null where the source names none
    movie_id, -- null where the source names none
    text, -- the source's text
    best_score AS score, -- P(positive), 0 to 1
    best_sentiment AS sentiment, -- 'positive' or 'negative'
    best_predicted_rating AS predicted_rating, -- 1 to 10 stars: the mean that writers of such scores gave; may be low where just positive
    coalesce(given_rating, best_predicted_rating) AS rating, -- 1 to 10 stars: what its writer gave, else predicted_rating
    given_label, -- 'positive' or 'negative' by the source; null where it gives none
    given_rating, -- 1 to 10 stars by the source; null where it gives none
    best_model_id AS model_id, -- of the model that gave the score
    file_uri AS uri, -- the name under which its file was first committed
    source_sha256, -- of that file's bytes
    row_number, -- in that file, from 1
    reviewed_at, -- null where the source gives none
    best_scored_at AS scored_at, -- when the model gave it
    file_source AS source, -- the source of its file: a folder of the inbox, or 'default'
    in_english -- false for one that is surely in another language and that the profile of its source accepts; null for rows from before it was kept
FROM source_reviews
WHERE is_latest AND best_model_id IS NOT NULL;

-- One row per movie_id, over the reviews of latest_scores, without reviews whose movie_id is null. What is known counts: where
-- a writer gave a rating it is that one, and only the others are the model's, with its error.
CREATE OR REPLACE VIEW movie_ratings AS
WITH reviews_of_movies AS (
    SELECT
        movie_id,
        sentiment,
        predicted_rating,
        given_rating,
        rating,
        CASE WHEN given_rating IS NULL THEN rating_interval_title END AS title_error,
        CASE WHEN given_rating IS NULL THEN rating_interval_review END AS review_error,
        -- Dates before the first film (1888) or more than a day after scoring are errors and are ignored.
        -- Comparing microseconds takes a third of the time of adding an interval.
        CASE
            WHEN reviewed_at >= '1888-01-01' AND epoch_us(reviewed_at) <= epoch_us(scored_at) + 86_400_000_000
                THEN reviewed_at
        END AS dated_at
    FROM latest_scores LEFT JOIN models USING (model_id)
    WHERE movie_id IS NOT NULL
),
summed AS (
    SELECT
        movie_id,
        count(*) AS reviews,
        avg(rating) AS rating,
        avg(predicted_rating) AS mean_predicted_rating,
        avg((sentiment = 'positive')::INTEGER) AS share_positive,
        count(given_rating) AS rated_reviews,
        avg(given_rating) AS mean_given_rating,
        min(dated_at) AS first_reviewed_at,
        max(dated_at) AS last_reviewed_at,
        -- As models/evaluation/stars.py measures it, of the reviews without a given rating. Null if the part of any of them
        -- is unknown, which would make the margin too narrow.
        CASE WHEN count(title_error + review_error) = count(*) - count(given_rating) THEN coalesce(
            sqrt(avg(title_error ** 2) + avg(review_error ** 2) / count(review_error)) * count(review_error) / count(*), 0
        ) END AS margin,
        -- A trend needs at least three dates over 90 days. Its error is the standard error of the slope.
        count(dated_at) >= 3 AND epoch(max(dated_at)) - epoch(min(dated_at)) >= 90 * 86400 AS has_trend,
        regr_slope(predicted_rating, epoch(dated_at) / (365.25 * 86400)) AS slope,
        regr_sxx(predicted_rating, epoch(dated_at) / (365.25 * 86400)) AS sxx,
        regr_syy(predicted_rating, epoch(dated_at) / (365.25 * 86400)) AS syy,
        count(dated_at) - 2 AS freedom
    FROM reviews_of_movies GROUP BY movie_id
),
bounded AS (
    SELECT
        *,
        -- greatest and least ignore nulls, so null margins are handled explicitly.
        CASE WHEN margin IS NOT NULL THEN greatest(1, rating - margin) END AS rating_low,
        CASE WHEN margin IS NOT NULL THEN least(10, rating + margin) END AS rating_high,
        CASE WHEN has_trend THEN slope END AS trend,
        CASE WHEN has_trend THEN sqrt(greatest(0, syy - slope ** 2 * sxx) / freedom / sxx) END AS trend_error
    FROM summed
)
SELECT
    movie_id, -- the movie's id in the sources
    reviews, -- of latest_scores
    rating, -- 1 to 10 stars: the mean of what the writers gave and, of the other reviews, of what the model estimates
    rating_low, -- 1 to 10 stars; to rating_high an interval that held nine in ten of the held-out movies' given means
    rating_high, -- 1 to 10 stars; null, as rating_low, where a model that scored has no known error
    mean_predicted_rating, -- 1 to 10 stars over all reviews, by the model alone
    share_positive, -- 0 to 1
    rated_reviews, -- reviews whose source gave a rating
    mean_given_rating, -- 1 to 10 stars over those; null without any
    trend, -- stars a year that predicted_rating rises; null with under three dates, or over less than 90 days
    trend_error, -- standard error of trend, stars a year: a trend under twice its error may be chance; null as trend
    first_reviewed_at, -- null where no review has a date
    last_reviewed_at -- null where no review has a date
FROM bounded;

-- One row per sentence of a review of latest_scores that speaks of an aspect, such as the acting, and aspect: source_sha256,
-- row_number, start, aspect. Not of reviews from before aspects were kept.
CREATE OR REPLACE VIEW mentions AS
SELECT
    movie_id, -- null where the source names none
    said.aspect, -- 'acting', 'story', 'script', 'direction', 'characters', 'pace', 'picture', 'music', 'humour', 'suspense' or 'ending'
    said.polarity, -- 'positive' or 'negative': what the sentence says of the aspect; 'neither' where it does not tell
    said.sureness, -- of the polarity, 0.5 to 1
    substring(text, said.start + 1, said.stop - said.start) AS sentence, -- as written
    said.start, -- characters of the text before the sentence
    review_id, -- null where the source names none
    source_sha256, -- of the bytes of the review's file
    row_number, -- in that file, from 1
    file_source AS source, -- of its file: a folder of the inbox, or 'default'
    reviewed_at, -- null where the source gives none
    best_scored_at AS scored_at -- when the review was scored
FROM (SELECT *, unnest(mentions) AS said FROM source_reviews WHERE is_latest AND best_model_id IS NOT NULL);

-- One row per movie_id and aspect, over the reviews of the movie that praise it or criticise it. A review with as many sentences
-- for it as against it does neither.
CREATE OR REPLACE VIEW movie_aspects AS
WITH reviews_of_movies AS (
    SELECT movie_id, aspect, sum(CASE polarity WHEN 'positive' THEN 1 WHEN 'negative' THEN -1 ELSE 0 END) AS says
    FROM mentions WHERE movie_id IS NOT NULL GROUP BY movie_id, aspect, source_sha256, row_number
),
counted AS (
    SELECT
        movie_id, aspect, count(*) AS reviews, count(*) FILTER (says > 0) AS praised, count(*) FILTER (says < 0) AS criticised,
        praised + criticised AS judged, praised / judged AS share, 1.6449 ** 2 / judged AS spread -- Wilson's interval, 90 %
    FROM reviews_of_movies GROUP BY movie_id, aspect
)
SELECT
    movie_id, -- the movie's id in the sources
    aspect, -- as in mentions
    reviews, -- that speak of it
    praised, -- reviews that praise it
    criticised, -- reviews that criticise it
    CASE WHEN judged > 0 THEN share END AS share_positive, -- of those that do either, 0 to 1
    CASE WHEN judged > 0 THEN (share + spread / 2 - sqrt(spread * (share * (1 - share) + spread / 4))) / (1 + spread) END AS share_low, -- to share_high the 90 % interval of the share, had there been very many reviews
    CASE WHEN judged > 0 THEN (share + spread / 2 + sqrt(spread * (share * (1 - share) + spread / 4))) / (1 + spread) END AS share_high -- null, as share_positive, where no review does
FROM counted;

-- One row per score that counts in shares and means (source_sha256, row_number, model_id): those of scored_reviews, but for
-- rows that are surely not in English and that the profile of their source does not accept.
CREATE OR REPLACE VIEW counted_scores AS
SELECT
    source_sha256, -- of the bytes of the row's file
    row_number, -- in that file, from 1
    model_id, -- of the model that gave the score
    score, -- P(positive), 0 to 1
    sentiment, -- 'positive' or 'negative'
    predicted_rating, -- 1 to 10 stars
    token_count, -- words of the whole text
    oov_rate, -- share of them that the model does not know, 0 to 1
    truncated, -- more words than the model reads
    run_id, -- of the run that scored it
    scored_at, -- when the model gave it
    source -- of the file: a folder of the inbox, or 'default'
FROM scored_reviews ANTI JOIN (FROM source_reviews WHERE NOT counts) AS uncounted USING (source_sha256, row_number);

-- One row per UTC day of scoring, model and source, over every row that the model scored on that day and that counts. A
-- review in several files counts once per file, and once per model that scored it: this view describes what the model did, not how
-- good the movies are. Of a file that was read again, the reading that counts.
CREATE OR REPLACE VIEW daily_scores AS
SELECT
    make_timestamp(epoch_us(scored_at))::DATE AS day, -- of scored_at, in UTC
    model_id, -- of the model that scored
    source, -- of the rows' files: a folder of the inbox, or 'default'
    count(*) AS rows_scored, -- rows of source_reviews
    avg((sentiment = 'positive')::INTEGER) AS share_positive, -- 0 to 1
    avg(score) AS mean_score, -- P(positive), 0 to 1
    avg(predicted_rating) AS mean_predicted_rating, -- 1 to 10 stars
    avg(oov_rate) AS mean_oov_rate, -- share of a text's words that the model does not know, 0 to 1
    avg(truncated::INTEGER) AS share_truncated -- of texts with more words than the model reads, 0 to 1
FROM counted_scores
ANTI JOIN (FROM scored_files WHERE superseded_at IS NOT NULL) AS superseded USING (source_sha256)
GROUP BY ALL;

-- One row per UTC day of scoring, model and source, over the rows scored on that day whose source gives a label or a rating;
-- days without such rows are omitted. A missing label is taken from the rating: 7 stars or more are positive, 4 or
-- fewer are negative, ratings in between give no label. A label or rating counts for rows without one too that have the
-- same review_id and movie_id, or the same text, such as rows that were scored before it came; once for each model, for
-- the row that it scored first. So do labels of `reviews models label` for reviews that were drawn at random. Near-copies of a
-- source, whose texts differ by a number, a name or a few words, count once for each model, for the row that it scored
-- first. Of a file that was read again, the reading that counts.
CREATE OR REPLACE VIEW live_accuracy AS
WITH sources AS (
    SELECT
        source_sha256,
        -- As in latest_scores: source_number + row_number is a row's own number, which joins faster than its key.
        row_number() OVER (ORDER BY source_sha256) * 68719476736 AS source_number,
        -- The model whose scores count, which are kept beside the rows; null where none was promoted.
        arg_max(model_id, number) AS best_model_id,
        arg_max(source, number) AS best_source,
        count(DISTINCT model_id) > 1 OR best_model_id IS NULL AS has_others
    FROM scored_files LEFT JOIN (
        SELECT model_id, max(number) AS number FROM promotions GROUP BY model_id
    ) AS ranks USING (model_id)
    WHERE status = 'scored' AND superseded_at IS NULL GROUP BY source_sha256
),
-- Of reviews that were chosen because they are hard, a model gets fewer right than of others: these do not count.
drawn AS (
    SELECT
        -row_number() OVER (ORDER BY text_sha256) AS given_by, -- below 0, so never that of a row
        coalesce(
            given_label, CASE WHEN given_rating >= 7 THEN 'positive' WHEN given_rating <= 4 THEN 'negative' END
        ) AS label,
        given_rating,
        coalesce(try_cast('0x' || left(text_sha256, 16) AS UBIGINT), 0) AS text_key, -- as in source_reviews
        labelled_at
    FROM review_labels WHERE is_random AND (given_label IS NOT NULL OR given_rating IS NOT NULL)
),
-- Of the rows with one review_key, one at most is the latest: so these are the keys of several rows.
repeated AS (SELECT DISTINCT review_key FROM source_reviews WHERE NOT is_latest),
near_copies AS (SELECT key AS near_key FROM repeated_keys WHERE kind = 'near'),
-- Of the whole history only keys are read. First the rows with a text that others have too, or that somebody labelled.
places AS (
    SELECT rowid AS place FROM source_reviews
    WHERE text_key IN (SELECT key FROM repeated_keys WHERE kind = 'text' UNION ALL SELECT text_key FROM drawn)
    UNION ALL
    SELECT rowid AS place FROM source_reviews
    WHERE near_key IN (FROM near_copies) AND (given_label IS NOT NULL OR given_rating IS NOT NULL)
    UNION ALL
    SELECT rowid AS place FROM source_reviews WHERE review_key IN (FROM repeated)
),
-- The rows that may lend a label to another one, or borrow one, and near-copies. All near-copies of a source are copies of
-- one thing, which `copy_of` names; any other row is of itself.
alike AS MATERIALIZED (
    SELECT
        source_sha256,
        row_number,
        source_number + row_number AS row_id,
        near_copies.near_key IS NOT NULL AS is_near,
        CASE WHEN is_near THEN hash(near_key, file_source)::HUGEINT ELSE row_id END AS copy_of,
        coalesce(
            given_label, CASE WHEN given_rating >= 7 THEN 'positive' WHEN given_rating <= 4 THEN 'negative' END
        ) AS label,
        given_rating,
        review_id IS NULL AS lacks_id,
        movie_id,
        text_key,
        review_key,
        file_seen_at AS seen_at,
        given_label IS NULL AND given_rating IS NULL AS is_bare,
        has_others,
        sources.best_model_id AS model_id,
        best_sentiment AS sentiment,
        best_predicted_rating AS predicted_rating,
        best_scored_at AS scored_at,
        best_source AS source
    FROM (FROM source_reviews WHERE rowid IN (FROM places) AND counts IS DISTINCT FROM false) AS review JOIN sources USING (source_sha256)
    LEFT JOIN near_copies USING (near_key)
),
given AS (
    SELECT row_id AS given_by, copy_of, label, given_rating, lacks_id, movie_id, text_key, review_key, seen_at
    FROM alike WHERE NOT is_bare
),
bare AS (FROM alike WHERE is_bare),
-- By review_key (an id with its movie, or a text with its movie), which is fast; by text where only one of the two has an
-- id: with its movie where the label has it, else by the text alone.
found AS (
    SELECT row_id, given_by, given.copy_of, given.label, given.given_rating, given.seen_at
    FROM bare JOIN given USING (review_key)
    UNION ALL
    SELECT row_id, given_by, with_id.copy_of, with_id.label, with_id.given_rating, with_id.seen_at
    FROM (FROM bare WHERE lacks_id) AS bare JOIN (FROM given WHERE NOT lacks_id) AS with_id
        ON bare.text_key = with_id.text_key AND bare.movie_id IS NOT DISTINCT FROM with_id.movie_id
    UNION ALL
    SELECT row_id, given_by, by_text.copy_of, by_text.label, by_text.given_rating, by_text.seen_at
    FROM bare JOIN (
        SELECT given_by, copy_of, label, given_rating, text_key, seen_at FROM given WHERE lacks_id
        UNION ALL
        SELECT given_by, given_by, label, given_rating, text_key, labelled_at FROM drawn
    ) AS by_text USING (text_key)
),
borrowed AS MATERIALIZED (
    SELECT row_id, unnest(arg_max(
        {'lent_by': given_by, 'copy_of': copy_of, 'label': label, 'given_rating': given_rating, 'seen_at': seen_at},
        row(seen_at, given_by)
    )) FROM found GROUP BY row_id
),
-- The rows that borrow a label, those that lend one, and near-copies.
sharing AS MATERIALIZED (
    SELECT
        source_sha256, row_number, row_id, borrowed.lent_by, borrowed.copy_of, borrowed.label, borrowed.given_rating,
        borrowed.seen_at, has_others, model_id, source, scored_at, sentiment, predicted_rating
    FROM borrowed JOIN bare USING (row_id)
    UNION ALL
    SELECT
        source_sha256, row_number, row_id, row_id, copy_of, label, given_rating, seen_at, has_others, model_id, source,
        scored_at, sentiment, predicted_rating
    FROM alike WHERE NOT is_bare AND (is_near OR row_id IN (SELECT lent_by FROM borrowed))
),
others AS (
    FROM scored_reviews WHERE rowid IN (
        SELECT rowid FROM scored_reviews SEMI JOIN (FROM sharing WHERE has_others) USING (source_sha256, row_number)
    )
),
-- The scores that count are kept beside the rows; only those of other models are read.
scores AS (
    SELECT
        model_id, source, scored_at, sentiment, predicted_rating, row_id, lent_by, copy_of, label, given_rating, seen_at
    FROM sharing WHERE model_id IS NOT NULL
    UNION ALL
    SELECT
        other.model_id, other.source, other.scored_at, other.sentiment, other.predicted_rating, row_id, lent_by,
        copy_of, label, given_rating, seen_at
    FROM others AS other JOIN sharing USING (source_sha256, row_number)
    WHERE other.model_id IS DISTINCT FROM sharing.model_id
),
-- A label that was lent, or came with near-copies, counts once for each model, for the row that it scored first; score_sums
-- has it for each row that it came with.
moved AS (
    SELECT *, CASE WHEN row_id = lent_by THEN -1 ELSE 1 END AS times
    FROM scores LEFT JOIN models USING (model_id)
    WHERE coalesce(seen_at > own_labels_until, true) -- what a model may have learnt does not judge it
    QUALIFY (row_number() OVER (PARTITION BY model_id, copy_of ORDER BY scored_at, row_id) = 1) <> (row_id = lent_by)
),
summed AS (
    SELECT
        day, model_id, source, labelled, right_ones, rated, stars_off, given_stars, predicted_stars
    FROM score_sums
    JOIN sources USING (source_sha256)
    LEFT JOIN (
        SELECT left(source_sha256, 64) AS content, min(committed_at) AS seen_at FROM scored_files
        WHERE status = 'scored' AND length(source_sha256) <= 64 GROUP BY content
    ) AS contents ON content = left(source_sha256, 64)
    LEFT JOIN models USING (model_id)
    WHERE coalesce(seen_at > own_labels_until, true)
    UNION ALL
    SELECT
        make_timestamp(epoch_us(scored_at))::DATE AS day,
        model_id,
        source,
        times * (label IS NOT NULL)::BIGINT,
        times * coalesce(sentiment = label, false)::BIGINT,
        times * (given_rating IS NOT NULL)::BIGINT,
        times * coalesce(abs(predicted_rating - given_rating), 0),
        times * coalesce(given_rating, 0),
        times * CASE WHEN given_rating IS NOT NULL THEN predicted_rating ELSE 0 END
    FROM moved
)
SELECT
    day, -- of scored_at, in UTC
    model_id, -- of the model that scored
    source, -- of the rows' files: a folder of the inbox, or 'default'
    sum(labelled)::BIGINT AS labelled_reviews, -- rows whose source gives a label, or a rating that implies one
    sum(right_ones) / nullif(sum(labelled), 0) AS accuracy, -- share of those whose sentiment is the label, 0 to 1; null without any
    sum(rated)::BIGINT AS rated_reviews, -- rows whose source gives a rating
    sum(stars_off) / nullif(sum(rated), 0) AS rating_mae, -- stars, mean absolute error over those; null without any
    sum(given_stars) / nullif(sum(rated), 0) AS mean_given_rating, -- 1 to 10 stars over those; null without any
    sum(predicted_stars) / nullif(sum(rated), 0) AS mean_predicted_rating -- 1 to 10 stars over the same
FROM summed
GROUP BY day, model_id, source
HAVING sum(labelled) + sum(rated) > 0;

-- One row per pair of models that scored the same source rows, over those rows, of the readings that count. model_a is
-- the model that was promoted first; models that were never promoted come last, in the order in which they first scored.
CREATE OR REPLACE VIEW model_comparison AS
WITH model_places AS (
    SELECT model_id, row_number() OVER (ORDER BY min(number) NULLS LAST, min(committed_at), model_id) AS place
    FROM scored_files LEFT JOIN promotions USING (model_id) WHERE status = 'scored' GROUP BY model_id
),
-- As in latest_scores: source_number + row_number is a row's own number, which joins faster than its key.
sources AS (
    SELECT source_sha256, row_number() OVER (ORDER BY source_sha256) * 68719476736 AS source_number
    FROM scored_files WHERE status = 'scored' AND superseded_at IS NULL GROUP BY source_sha256 HAVING count(*) > 1
),
scores AS (
    SELECT source_number + row_number AS row_id, place, score, sentiment, predicted_rating
    FROM counted_scores JOIN sources USING (source_sha256) JOIN model_places USING (model_id)
),
pairs AS (
    SELECT
        a.place AS place_a,
        b.place AS place_b,
        count(*) AS reviews,
        count(*) FILTER (a.sentiment <> b.sentiment) AS flips,
        avg(b.score - a.score) AS mean_score_shift,
        avg(b.predicted_rating - a.predicted_rating) AS mean_rating_shift,
        corr(b.score, a.score) AS correlation
    FROM scores AS a JOIN scores AS b ON a.row_id = b.row_id AND a.place < b.place
    GROUP BY place_a, place_b
),
named AS (
    SELECT
        pairs.*,
        model_a.model_id AS model_a,
        model_b.model_id AS model_b,
        1 - flips / reviews AS share_agreement,
        -- The correlation is NaN where all scores of one model are equal.
        CASE WHEN isfinite(correlation) THEN correlation END AS known_correlation
    FROM pairs
    JOIN model_places AS model_a ON model_a.place = place_a
    JOIN model_places AS model_b ON model_b.place = place_b
)
SELECT
    model_a, -- the earlier one
    model_b, -- the later one
    reviews, -- rows of source_reviews that both scored
    flips, -- rows for which the two models give different sentiments
    share_agreement, -- share of the rows with the same sentiment from both models, 0 to 1
    mean_score_shift, -- score of model_b minus that of model_a, -1 to 1
    mean_rating_shift, -- stars, predicted_rating of model_b minus that of model_a
    known_correlation AS correlation -- of the two scores, -1 to 1; null where all scores of one model are equal
FROM named;

-- One row per scored row (source_sha256, row_number, model_id): where its score comes from. Also of earlier readings.
-- What is not recorded is null.
CREATE OR REPLACE VIEW lineage AS
WITH checks AS (
    SELECT
        run_id,
        source_sha256,
        count(*) AS made,
        count(*) FILTER (NOT success AND severity = 'error') AS failed,
        count(*) FILTER (NOT success AND severity = 'warning') AS warned
    FROM contract_results WHERE source_sha256 IS NOT NULL GROUP BY run_id, source_sha256
),
-- The interval in which each promotion is its model's latest: a score belongs to the one in force when it was given.
standings AS (
    SELECT
        model_id,
        number,
        "at" AS promoted_at,
        lead("at", 1, 'infinity') OVER (PARTITION BY model_id ORDER BY "at", number) AS until
    FROM promotions
)
SELECT
    scored.source_sha256, -- of the bytes of the row's file
    scored.row_number, -- in that file, from 1
    scored.model_id, -- of the model that gave the score
    review.review_id, -- null where the source names none
    review.movie_id, -- null where the source names none
    scored.score, -- P(positive), 0 to 1
    scored.sentiment, -- 'positive' or 'negative'
    scored.predicted_rating, -- 1 to 10 stars
    scored.scored_at, -- when the model gave it
    scored.source, -- of the file: a folder of the inbox, or 'default'
    file.profile_version, -- of the profile by which the file was read; null where its source had none
    file.superseded_at, -- when another reading of the file, a full export, or what the file grew into took the place of the row's; null while that counts
    file.uri, -- the file's name when this model scored it
    file.format, -- such as csv.gz; null where unknown
    file.bytes, -- original size of the file
    review.member, -- the row's file inside a zip or tar; null elsewhere
    released.released_at, -- when the row was released from quarantine; null where it was never quarantined
    coalesce(checks.made, 0) AS checks_made, -- of the file by contracts, in the run that scored the row; 0 in a release
    coalesce(checks.failed, 0) AS checks_failed, -- those that failed as errors
    coalesce(checks.warned, 0) AS checks_warned, -- those that failed as warnings
    models.variant, -- the kind of model
    models.seed, -- of the model's random numbers
    models.dataset, -- the model's training data: 'stanford', 'sample' or 'other'
    models.data_fingerprint, -- of the rows that the model was trained on
    models.test_accuracy, -- of the model, on the test split, 0 to 1
    models.bundle_fingerprint, -- of every byte of the model's bundle
    standings.number AS promotion, -- number of the model's last promotion or rollback before it scored
    standings.promoted_at, -- when that promotion or rollback was
    scored.run_id, -- of the run that scored the row
    runs.flow, -- the flow of that run; 'release-rows' for a released row
    runs.started_at, -- when that run began
    runs.status, -- 'completed', 'failed', 'running', or 'stopped' where it was killed
    runs.code_version -- the program's version in that run
FROM scored_reviews AS scored
JOIN source_reviews AS review USING (source_sha256, row_number)
LEFT JOIN scored_files AS file
    ON file.source_sha256 = scored.source_sha256 AND file.model_id = scored.model_id
LEFT JOIN checks ON checks.source_sha256 = scored.source_sha256 AND checks.run_id = scored.run_id
LEFT JOIN quarantined_rows AS released
    ON released.source_sha256 = scored.source_sha256 AND released.row_number = scored.row_number
LEFT JOIN models ON models.model_id = scored.model_id
LEFT JOIN standings
    ON standings.model_id = scored.model_id AND promoted_at <= scored.scored_at AND scored.scored_at < until
LEFT JOIN runs ON runs.run_id = scored.run_id;

-- One row per quarantined row that has not been released, of the readings that count: source_sha256, row_number.
CREATE OR REPLACE VIEW open_quarantine AS
WITH begun AS (
    SELECT
        *,
        -- Drops up to three last bytes if they cut a character; shows escaped bytes if the row is not UTF-8.
        coalesce(
            try(decode(raw[1:240])),
            try(decode(raw[1:239])),
            try(decode(raw[1:238])),
            try(decode(raw[1:237])),
            raw[1:240]::VARCHAR
        ) AS beginning
    FROM quarantined_rows
    ANTI JOIN (FROM scored_files WHERE superseded_at IS NOT NULL) AS superseded USING (source_sha256)
    WHERE released_at IS NULL
),
shown AS (
    SELECT
        *,
        left(source_sha256, 12) || ':' || row_number AS row_name,
        floor((epoch(now()) - epoch(quarantined_at)) / 86400)::BIGINT AS days_waiting,
        -- Replaces each run of control characters, text-direction marks and white space by one space.
        left(trim(regexp_replace(beginning, '[\p{C}\p{Z}]+', ' ', 'g')), 60) AS text_preview
    FROM begun
)
SELECT
    row_name, -- the name for `reviews quarantine show` and `release`
    uri, -- of the row's file
    source_sha256, -- of that file's bytes
    row_number, -- in that file, from 1
    member, -- the row's file inside a zip or tar; null elsewhere
    rule, -- the row rule that it broke
    detail, -- where and how it broke it
    quarantined_at, -- when it was quarantined
    days_waiting, -- whole days since it was quarantined
    octet_length(raw) AS bytes, -- size of the original row; null where it has no bytes, or they were deleted
    text_preview -- the start of the row: at most 60 characters, all safe on a terminal; null where bytes is null
FROM shown;

-- One row per run, model, measure and source: how far the rows of a source are from those that the model scored of it
-- before the run; and one row per run, model and measure with a null source: how far the rows of sources that had sent nothing
-- before the run are from the model's held-out reviews, for models that have this reference.
CREATE OR REPLACE VIEW drift AS
WITH later_deliveries AS (
    SELECT DISTINCT source, run_id FROM (
        SELECT
            coalesce(source, 'default') AS source,
            run_id,
            first_value(run_id) OVER (PARTITION BY coalesce(source, 'default') ORDER BY commit_number) AS first_run_id
        FROM scored_files WHERE status = 'scored'
    ) WHERE run_id <> first_run_id
),
summed AS (
    SELECT run_id, model_id, unnest([
        {'measure': 'score', 'bins': score_bins, 'total': score_total},
        {'measure': 'token_count', 'bins': token_count_bins, 'total': token_count_total},
        {'measure': 'oov_rate', 'bins': oov_rate_bins, 'total': oov_rate_total},
        {'measure': 'truncated', 'bins': truncated_bins, 'total': truncated_total}
    ], recursive := true)
    FROM score_sums ANTI JOIN later_deliveries USING (source, run_id)
),
counted AS (
    SELECT run_id, model_id, measure, bin, sum(rows)::BIGINT AS reviews
    FROM (SELECT run_id, model_id, measure, unnest(bins) AS rows, generate_subscripts(bins, 1) AS bin FROM summed)
    GROUP BY run_id, model_id, measure, bin
),
totals AS (
    SELECT
        run_id, model_id, measure, sum(list_sum(bins))::BIGINT AS reviews, sum(total) / sum(list_sum(bins)) AS mean
    FROM summed GROUP BY run_id, model_id, measure
),
beside_held_out AS (
    SELECT
        totals.*,
        NULL::VARCHAR AS source,
        bin,
        lower,
        coalesce(counted.reviews, 0) AS rows,
        bins.reviews AS reference_rows,
        reference.reviews AS reference_reviews,
        reference.mean AS reference_mean,
        critical_value
    FROM totals
    JOIN reference_measures AS reference USING (model_id, measure)
    JOIN reference_bins AS bins USING (model_id, measure)
    LEFT JOIN counted USING (run_id, model_id, measure, bin)
),
own_bins AS (
    SELECT
        * EXCLUDE (bins, past_bins),
        bins[bin + 1] AS rows,
        past_bins[bin + 1] AS past_rows,
        list_sum(bins)::BIGINT AS reviews,
        list_sum(past_bins)::BIGINT AS past_reviews
    FROM run_measures, range(40) AS numbers (bin)
    WHERE list_sum(bins) >= 50 AND list_sum(past_bins) >= 200
),
-- Bins are joined until each has about a tenth of the past or more. Values below all of the past, and above, have a bin
-- of their own.
joined_bins AS (
    SELECT
        *,
        last_value(own_bin IGNORE NULLS) OVER (
            PARTITION BY run_id, model_id, source, measure ORDER BY bin ROWS UNBOUNDED PRECEDING
        ) AS joined_bin
    FROM (
        SELECT
            *,
            sum(past_rows) OVER (PARTITION BY run_id, model_id, source, measure ORDER BY bin) - past_rows AS before,
            CASE
                WHEN past_rows > 0 THEN floor(10 * before / past_reviews)
                WHEN before = 0 THEN -1
                WHEN before = past_reviews THEN 10
            END AS own_bin
        FROM own_bins
    )
),
beside_past AS (
    SELECT
        run_id,
        model_id,
        measure,
        reviews,
        total / reviews AS mean,
        source,
        joined_bin AS bin,
        CASE
            WHEN joined_bin = min(joined_bin) OVER (PARTITION BY run_id, model_id, source, measure)
                THEN '-infinity'::DOUBLE
            WHEN measure = 'token_count' THEN 10 ** (min(bin) / 8)
            WHEN measure = 'truncated' THEN min(bin)
            ELSE min(bin) / 40
        END AS lower,
        sum(rows)::BIGINT AS rows,
        sum(past_rows)::BIGINT AS reference_rows,
        past_reviews AS reference_reviews,
        past_total / past_reviews AS reference_mean,
        -- Of chi-squared with one degree of freedom less than bins, by the formula of Wilson and Hilferty.
        count(*) OVER (PARTITION BY run_id, model_id, source, measure) - 1 AS freedom,
        CASE WHEN freedom > 0 THEN freedom * (1 - 2 / (9 * freedom) + 3.2905 * sqrt(2 / (9 * freedom))) ** 3 ELSE 0 END
            AS critical_value
    FROM joined_bins
    GROUP BY run_id, model_id, measure, source, joined_bin, reviews, total, past_reviews, past_total
    HAVING sum(rows + past_rows) > 0
),
compared_bins AS (
    FROM beside_held_out
    UNION ALL BY NAME
    SELECT * EXCLUDE (freedom) FROM beside_past
),
-- Adds half a review to every bin, so that the logarithm of an empty bin is defined.
shares AS (
    SELECT
        *,
        count(*) OVER (PARTITION BY run_id, model_id, measure, source) AS bin_count,
        (rows + 0.5) / (reviews + 0.5 * bin_count) AS p,
        (reference_rows + 0.5) / (reference_reviews + 0.5 * bin_count) AS q
    FROM compared_bins
),
compared AS (
    SELECT
        run_id,
        model_id,
        measure,
        source,
        reviews,
        mean,
        reference_reviews,
        reference_mean,
        critical_value,
        list(lower ORDER BY bin) AS bins_from,
        list(rows / reviews ORDER BY bin) AS shares,
        list(reference_rows / reference_reviews ORDER BY bin) AS reference_shares,
        sum((p - q) * ln(p / q)) AS psi
    FROM shares GROUP BY ALL
)
SELECT
    run_id, -- of the run that scored
    model_id, -- of the model that it scored with
    source, -- whose rows are compared with its own past; null where first deliveries are compared with the held-out reviews
    measure, -- 'score', 'token_count', 'oov_rate' or 'truncated', as in scored_reviews
    reviews, -- rows that the run scored with the model, of the source where there is one
    mean, -- of the measure over those rows; for 'truncated' the share, 0 to 1
    reference_reviews, -- held-out reviews; of a source its rows before, 200 at least, where the run scored 50 at least
    reference_mean, -- of the measure over those
    psi, -- population stability index, with half a review added to every bin; 0 where the shares are equal
    greatest(0.1, critical_value * (1 / reviews + 1 / reference_reviews)) AS threshold, -- of the psi
    psi > threshold AS drifted, -- whether the rows differ from the reference by more than chance
    bins_from, -- the lowest value of each bin; of the first, minus infinity
    shares, -- of the run's rows in each bin, 0 to 1
    reference_shares -- of the reference's, likewise
FROM compared;

-- One row per source and UTC day on which its files were first committed.
CREATE OR REPLACE VIEW source_days AS
SELECT
    source, -- as in scored_files
    make_timestamp(epoch_us(seen_at))::DATE AS day, -- of the first commit, in UTC
    count(*) AS files, -- of this day, without refused ones; a file that is read again counts once
    coalesce(sum(rows_read), 0)::BIGINT AS rows, -- read from them
    max(seen_at) AS last_file_at -- when the last of them was committed
FROM (
    SELECT
        coalesce(arg_min(source, commit_number), 'default') AS source,
        min(committed_at) AS seen_at,
        arg_min(rows_read, commit_number) AS rows_read
    FROM scored_files WHERE status = 'scored' GROUP BY left(source_sha256, 64)
)
GROUP BY ALL;

-- One row per source that sent files in the last year: when it usually sends, and whether it is late or sent unusually few
-- or many rows. It looks at the last 28 days with files. A day is over six hours after its end in UTC.
CREATE OR REPLACE VIEW deliveries AS
WITH clock AS (
    SELECT (make_timestamp(epoch_us(now())) - INTERVAL 6 HOUR)::DATE AS today
),
recent AS (
    SELECT *, row_number() OVER (PARTITION BY source ORDER BY day DESC) AS place
    FROM source_days
    WHERE day > (SELECT today - 366 FROM clock)
    QUALIFY place <= 28
),
spans AS (
    SELECT
        source,
        min(day) AS first_day,
        max(day) AS last_day,
        count(*) AS days_sent,
        max(last_file_at) AS last_file_at
    FROM recent GROUP BY source
),
weekdays AS (
    SELECT DISTINCT source, dayofweek(day) AS weekday FROM recent
),
-- The days that are over, without the weekdays on which the source never sends.
expected_days AS (
    SELECT calendar.source, calendar.day, recent.day IS NOT NULL AS is_sent
    FROM (
        SELECT source, unnest(range(first_day, greatest(last_day + 1, today), INTERVAL 1 DAY))::DATE AS day
        FROM spans, clock
    ) AS calendar
    JOIN weekdays ON weekdays.source = calendar.source AND weekday = dayofweek(calendar.day)
    LEFT JOIN recent ON recent.source = calendar.source AND recent.day = calendar.day
),
-- Each day with files begins a silence, which the next one ends.
silences AS (
    SELECT source, silence, count(*) - 1 AS missed_days
    FROM (SELECT *, count(*) FILTER (is_sent) OVER (PARTITION BY source ORDER BY day) AS silence FROM expected_days)
    GROUP BY source, silence
),
punctuality AS (
    SELECT
        source,
        arg_max(missed_days, silence) AS missed_days,
        max(missed_days) FILTER (silence < days_sent) AS usual_missed_days,
        sum(missed_days + 1) FILTER (silence < days_sent) + 1 AS days_expected
    FROM silences JOIN spans USING (source) GROUP BY source
),
gaps AS (
    SELECT source, median(day - before) AS usual_gap_days
    FROM (SELECT source, day, lag(day) OVER (PARTITION BY source ORDER BY day) AS before FROM recent)
    WHERE before IS NOT NULL GROUP BY source
),
-- What is usual at each of the last two days: by the days before it.
volumes AS (
    SELECT
        source,
        place,
        day,
        rows,
        count(*) OVER before AS days_before,
        min(rows) OVER before AS least_rows,
        max(rows) OVER before AS most_rows,
        day < today OR files >= median(files) OVER before AS is_complete
    FROM recent, clock
    WINDOW before AS (PARTITION BY source ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    QUALIFY place <= 2
),
judged AS (
    SELECT
        *,
        CASE
            WHEN 3 * rows < least_rows AND is_complete THEN 'few'
            WHEN rows > 3 * most_rows THEN 'many'
            WHEN is_complete THEN 'usual'
        END AS volume
    FROM volumes WHERE days_before >= 7
),
-- A day that is not complete is judged only if it has many rows already, else the day before it.
last_judged AS (
    SELECT * FROM judged WHERE volume IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY source ORDER BY place) = 1
)
SELECT
    spans.source, -- a folder of the inbox, or 'default'
    days_sent, -- days with files, of the last 28 at most
    last_day, -- the last of them, in UTC
    last_file_at, -- when its last file was committed
    usual_gap_days, -- median number of days from one to the next; null where there is one only
    coalesce(missed_days, 0) AS missed_days, -- days since the last one that are over, without weekdays on which it never sends
    usual_missed_days, -- most of such days between two of them; null where there is one only
    coalesce(days_sent >= 7 AND 7 * days_sent >= 5 * days_expected, false) AS is_regular, -- whether it sends on 5 of 7 such days
    is_regular AND missed_days > usual_missed_days AND missed_days <= 28 AS is_late, -- false after 28 days: it has ended
    last_judged.day AS volume_day, -- the last day of which the rows are judged; null before the eighth day
    last_judged.rows AS volume_rows, -- rows of that day
    least_rows, -- fewest rows of the days before it
    most_rows, -- most rows of the days before it
    volume -- 'few': less than a third of the fewest; 'many': more than three times the most; else 'usual'; null if not judged
FROM spans
LEFT JOIN punctuality USING (source)
LEFT JOIN gaps USING (source)
LEFT JOIN last_judged USING (source);

-- One row per model that scored as the shadow, promoted model that scored the same reviews, and source; and one row per such
-- pair with a null source: over all sources. A review counts once, by its newest row. A missing label is taken from the
-- rating, as in live_accuracy.
CREATE OR REPLACE VIEW shadow_comparison AS
$shadow_comparison;

-- One row per source and rule of which a finding was opened. Deprecated: `findings` has these and all others.
CREATE OR REPLACE VIEW source_alerts AS
SELECT
    source, -- as in source_days
    CASE kind WHEN 'late_source' THEN 'files_on_time' ELSE 'rows_as_usual' END AS rule, -- 'files_on_time' or 'rows_as_usual'
    make_timestamp(epoch_us(first_seen))::DATE AS day, -- on which it was found
    first_seen AS alerted_at -- when it was found
FROM findings
WHERE kind IN ('late_source', 'unusual_delivery');
