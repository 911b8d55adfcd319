-- Which reviews get another sentiment from another model than in latest_scores, the largest changes first?
-- $model text = none: the other model's model_id; without it all other models
-- $limit count = 20: rows at most
WITH flips AS (
    SELECT
        review.rowid AS position,
        other.model_id AS other_model_id,
        other.score AS other_score,
        abs(best_score - other.score) AS difference
    FROM source_reviews AS review JOIN flipped_scores AS other USING (source_sha256, row_number)
    WHERE is_latest AND ($model IS NULL OR other.model_id = $model)
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
