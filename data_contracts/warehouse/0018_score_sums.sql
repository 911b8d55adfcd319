-- What the views live_accuracy and drift rest on, so that they need not read every score.

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
