-- The views, in the order in which they build on each other. Nothing in them is newer than DuckDB 1.4.
-- They are made anew whenever this file differs from the one that made them.

-- One row per review: the newest source row of a review_id or, where there is none, of a text and movie_id;
-- with the champion's score or, where it has not scored it, that of the newest promoted model that has.
CREATE OR REPLACE VIEW latest_scores AS
WITH model_ranks AS (
    SELECT model_id, max(number) AS model_rank FROM promotions GROUP BY model_id
),
-- Files in the order in which they first came in; those of one moment by name, as dated exports are named.
-- The number leaves room for 2^36 rows of each, so that number + row_number is a row's own number: joining and
-- comparing numbers takes half the time of joining hashes and comparing structs.
sources AS (
    SELECT
        source_sha256,
        uri,
        seen_at,
        row_number() OVER (ORDER BY seen_at, uri, source_sha256) * 68719476736 AS source_number
    FROM (
        SELECT source_sha256, min(committed_at) AS seen_at, arg_min(uri, committed_at) AS uri
        FROM scored_files WHERE status = 'scored' GROUP BY source_sha256
    )
),
-- A row without a date counts as of when its file came in; ties go to the later file, then the later row.
recencies AS (
    SELECT
        review_id,
        CASE WHEN review_id IS NULL THEN text_sha256 END AS unnamed_text,
        CASE WHEN review_id IS NULL THEN movie_id END AS unnamed_movie,
        source_reviews.rowid AS position,
        source_number + row_number AS row_id,
        epoch_us(CASE WHEN isfinite(reviewed_at) THEN reviewed_at ELSE seen_at END)::HUGEINT
            * 9223372036854775808::HUGEINT + row_id AS recency
    FROM source_reviews JOIN sources USING (source_sha256)
),
newest AS (
    SELECT review_id, arg_max(position, recency) AS position, arg_max(row_id, recency) AS row_id
    FROM recencies GROUP BY review_id, unnamed_text, unnamed_movie
),
best AS (
    SELECT
        source_number + row_number AS row_id,
        arg_max(model_id, model_rank) AS model_id,
        arg_max(score, model_rank) AS score,
        arg_max(sentiment, model_rank) AS sentiment,
        arg_max(predicted_rating, model_rank) AS predicted_rating,
        arg_max(scored_at, model_rank) AS scored_at
    FROM scored_reviews JOIN model_ranks USING (model_id) JOIN sources USING (source_sha256)
    GROUP BY ALL
)
SELECT
    newest.review_id, -- null where the source names none
    review.movie_id, -- null where the source names none
    review.text,
    best.score, -- P(positive), 0 to 1
    best.sentiment, -- 'positive' or 'negative'
    best.predicted_rating, -- 1 to 10 stars
    review.given_label, -- what the source said, null where it did not
    review.given_rating, -- 1 to 10 stars as the source said, null where it did not
    best.model_id,
    sources.uri, -- the name under which its file first came in
    review.source_sha256,
    review.row_number,
    review.reviewed_at, -- null where the source gives none
    best.scored_at
FROM newest
JOIN source_reviews AS review ON review.rowid = newest.position
JOIN best ON best.row_id = newest.row_id
-- Every row has its source: LEFT only keeps DuckDB 1.4 from a plan that takes twice as long.
LEFT JOIN sources ON sources.source_sha256 = review.source_sha256;

-- One row per movie_id, over the reviews of latest_scores; reviews of no named movie are left out.
CREATE OR REPLACE VIEW movie_ratings AS
SELECT
    movie_id,
    count(*) AS reviews, -- of latest_scores
    avg(predicted_rating) AS mean_predicted_rating, -- 1 to 10 stars
    avg((sentiment = 'positive')::INTEGER) AS share_positive, -- 0 to 1
    count(given_rating) AS rated_reviews, -- reviews whose source gave a rating
    avg(given_rating) AS mean_given_rating, -- 1 to 10 stars over those; null without any
    max(reviewed_at) AS last_reviewed_at -- null where no review has a date
FROM latest_scores
WHERE movie_id IS NOT NULL
GROUP BY movie_id;

-- One row per run, model and measure: how far the rows that the run scored are from the model's held-out reviews.
-- Models that were trained before a reference was kept are left out.
CREATE OR REPLACE VIEW drift AS
WITH bins AS (
    SELECT
        *,
        coalesce(lead(lower) OVER (PARTITION BY model_id, measure ORDER BY bin), 'infinity') AS upper,
        count(*) OVER (PARTITION BY model_id, measure) AS bin_count
    FROM reference_bins
),
measured AS (
    SELECT run_id, model_id, 'score' AS measure, score AS value FROM scored_reviews
    UNION ALL
    SELECT run_id, model_id, 'token_count' AS measure, token_count AS value FROM scored_reviews
    UNION ALL
    SELECT run_id, model_id, 'oov_rate' AS measure, oov_rate AS value FROM scored_reviews
    UNION ALL
    SELECT run_id, model_id, 'truncated' AS measure, truncated::INTEGER AS value FROM scored_reviews
),
counted AS (
    SELECT run_id, model_id, measure, bin, count(*) AS reviews, sum(value) AS total
    FROM measured JOIN bins USING (model_id, measure)
    WHERE value >= lower AND value < upper
    GROUP BY run_id, model_id, measure, bin
),
totals AS (
    SELECT run_id, model_id, measure, sum(reviews)::BIGINT AS reviews, sum(total) / sum(reviews) AS mean
    FROM counted GROUP BY run_id, model_id, measure
),
-- Half a review more in every bin, so that an empty one has a logarithm.
shares AS (
    SELECT
        totals.*,
        bin,
        lower,
        coalesce(counted.reviews, 0) / totals.reviews AS share,
        bins.reviews / reference_measures.reviews AS reference_share,
        (coalesce(counted.reviews, 0) + 0.5) / (totals.reviews + 0.5 * bin_count) AS p,
        (bins.reviews + 0.5) / (reference_measures.reviews + 0.5 * bin_count) AS q
    FROM totals
    JOIN reference_measures USING (model_id, measure)
    JOIN bins USING (model_id, measure)
    LEFT JOIN counted USING (run_id, model_id, measure, bin)
),
compared AS (
    SELECT
        run_id,
        model_id,
        measure,
        reviews,
        mean,
        list(lower ORDER BY bin) AS bins_from,
        list(share ORDER BY bin) AS shares,
        list(reference_share ORDER BY bin) AS reference_shares,
        sum((p - q) * ln(p / q)) AS psi
    FROM shares GROUP BY run_id, model_id, measure, reviews, mean
)
SELECT
    compared.run_id,
    compared.model_id,
    compared.measure, -- 'score', 'token_count', 'oov_rate' or 'truncated', as in scored_reviews
    compared.reviews, -- rows that the run scored with the model
    compared.mean, -- of the measure over those; of 'truncated' the share, 0 to 1
    reference.mean AS reference_mean, -- over the held-out reviews
    compared.psi, -- population stability index: 0 where the shares are the same
    greatest(0.1, critical_value * (1 / compared.reviews + 1 / reference.reviews)) AS threshold, -- of the psi
    psi > threshold AS drifted, -- whether the rows are unlike the held-out reviews, beyond chance
    compared.bins_from, -- the lowest value of each bin; of the first, minus infinity
    compared.shares, -- of the run's rows in each bin, 0 to 1
    compared.reference_shares -- of the held-out reviews, likewise
FROM compared JOIN reference_measures AS reference USING (model_id, measure);
