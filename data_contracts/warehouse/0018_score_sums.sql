-- What the views live_accuracy, drift and shadow_comparison rest on, so that they need not read every score.

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

INSERT INTO score_sums
SELECT
    source_sha256,
    model_id,
    coalesce(run_id, '') AS run_id,
    coalesce(source, 'default') AS source,
    make_timestamp(epoch_us(scored_at))::DATE AS day,
    count(*),
    count(label),
    count(*) FILTER (sentiment = label),
    count(given_rating),
    coalesce(sum(abs(predicted_rating - given_rating)), 0),
    coalesce(sum(given_rating), 0),
    coalesce(sum(predicted_rating) FILTER (given_rating IS NOT NULL), 0),
    sum(score),
    sum(token_count),
    sum(oov_rate::DOUBLE),
    sum(truncated::DOUBLE),
    -- A bin of DuckDB's histogram has its upper end, one of a reference its lower one: so both are negated.
    list_reverse(map_values(histogram(-score, coalesce(score_ends, ['infinity'::DOUBLE])))),
    list_reverse(map_values(histogram(-token_count::DOUBLE, coalesce(token_count_ends, ['infinity'::DOUBLE])))),
    list_reverse(map_values(histogram(-oov_rate::DOUBLE, coalesce(oov_rate_ends, ['infinity'::DOUBLE])))),
    list_reverse(map_values(histogram(-truncated::DOUBLE, coalesce(truncated_ends, ['infinity'::DOUBLE]))))
FROM scored_reviews AS scores LEFT JOIN (
    SELECT source_sha256, row_number, given_rating, coalesce(
        given_label, CASE WHEN given_rating >= 7 THEN 'positive' WHEN given_rating <= 4 THEN 'negative' END
    ) AS label
    FROM source_reviews WHERE given_label IS NOT NULL OR given_rating IS NOT NULL
) AS given USING (source_sha256, row_number)
LEFT JOIN (
    SELECT
        model_id,
        list(-lower ORDER BY bin DESC) FILTER (measure = 'score') AS score_ends,
        list(-lower ORDER BY bin DESC) FILTER (measure = 'token_count') AS token_count_ends,
        list(-lower ORDER BY bin DESC) FILTER (measure = 'oov_rate') AS oov_rate_ends,
        list(-lower ORDER BY bin DESC) FILTER (measure = 'truncated') AS truncated_ends
    FROM reference_bins GROUP BY model_id
) AS reference USING (model_id)
GROUP BY source_sha256, model_id, scores.run_id, scores.source, day;

DROP TABLE accuracy_sums;

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

INSERT INTO shadow_sums
SELECT
    source_sha256, model_id, compared_with, sum(reviews), sum(flips), sum(rated), sum(score_differences),
    sum(rating_differences), sum(score_total), sum(other_total), sum(score_squares), sum(other_squares),
    sum(score_products), sum(stars_off), sum(other_stars_off),
    coalesce(list(struct_pack(
        movie_id := movie_id, labelled := labelled, right_ones := right_ones, other_right_ones := other_right_ones,
        only_right := only_right
    ) ORDER BY movie_id NULLS FIRST) FILTER (labelled > 0), [])
FROM (
    SELECT
        source_sha256, model_id, compared_with, movie_id,
        count(*) AS reviews,
        count(*) FILTER (sentiment <> other_sentiment) AS flips,
        count(stars) AS rated,
        sum(abs(score - other_score)) AS score_differences,
        sum(abs(predicted_rating - other_predicted_rating)) AS rating_differences,
        sum(score) AS score_total,
        sum(other_score) AS other_total,
        sum(score ** 2) AS score_squares,
        sum(other_score ** 2) AS other_squares,
        sum(score * other_score) AS score_products,
        coalesce(sum(abs(predicted_rating - stars)), 0) AS stars_off,
        coalesce(sum(abs(other_predicted_rating - stars)), 0) AS other_stars_off,
        count(label) AS labelled,
        count(*) FILTER (sentiment = label) AS right_ones,
        count(*) FILTER (other_sentiment = label) AS other_right_ones,
        count(*) FILTER (sentiment = label AND other_sentiment <> label) AS only_right
    FROM (
        SELECT
            source_sha256, row_number, shadow.model_id, shadow.score, shadow.sentiment, shadow.predicted_rating,
            other.model_id AS compared_with, other.score AS other_score, other.sentiment AS other_sentiment,
            other.predicted_rating AS other_predicted_rating
        FROM shadow_scores AS shadow JOIN scored_reviews AS other USING (source_sha256, row_number)
        WHERE shadow.model_id <> other.model_id
    ) JOIN (
        SELECT source_sha256, row_number, movie_id, given_rating AS stars, coalesce(
            given_label, CASE WHEN given_rating >= 7 THEN 'positive' WHEN given_rating <= 4 THEN 'negative' END
        ) AS label
        FROM source_reviews
    ) USING (source_sha256, row_number)
    GROUP BY source_sha256, model_id, compared_with, movie_id
) GROUP BY source_sha256, model_id, compared_with;
