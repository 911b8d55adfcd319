-- Which reviews get another sentiment from another model than in latest_scores, the largest changes first?
-- $model text = none: the other model's model_id; without it all other models
-- $limit count = 20: rows at most
WITH twice_scored AS (
    SELECT source_sha256 FROM scored_files WHERE status = 'scored' GROUP BY source_sha256 HAVING count(*) > 1
),
others AS (
    SELECT source_sha256, row_number, model_id, score, sentiment
    FROM scored_reviews SEMI JOIN twice_scored USING (source_sha256)
    WHERE $model IS NULL OR model_id = $model
),
flips AS (
    SELECT
        review.rowid AS position,
        others.model_id AS other_model_id,
        others.score AS other_score,
        abs(best_score - others.score) AS difference
    FROM source_reviews AS review JOIN others USING (source_sha256, row_number)
    WHERE is_latest AND others.model_id <> best_model_id AND others.sentiment <> best_sentiment
    ORDER BY difference DESC, file_uri, row_number, other_model_id
    LIMIT $limit
)
SELECT
    review_id,
    movie_id,
    best_model_id AS model_id,
    best_sentiment AS sentiment,
    round(best_score, 3) AS score, -- P(positive), 0 to 1
    other_model_id,
    round(other_score, 3) AS other_score,
    text -- read for the shown rows only
FROM flips JOIN source_reviews ON source_reviews.rowid = position
ORDER BY difference DESC, file_uri, row_number, other_model_id;
