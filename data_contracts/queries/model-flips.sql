-- Which reviews get another sentiment from another model than in latest_scores, the largest changes first?
-- $model text = none: the other model's model_id; without it all other models
-- $limit count = 20: rows at most
SELECT
    latest.review_id,
    latest.movie_id,
    latest.model_id,
    latest.sentiment,
    round(latest.score, 3) AS score, -- P(positive), 0 to 1
    other.model_id AS other_model_id,
    round(other.score, 3) AS other_score,
    latest.text
FROM latest_scores AS latest
JOIN scored_reviews AS other USING (source_sha256, row_number)
WHERE other.model_id <> latest.model_id
    AND other.sentiment <> latest.sentiment
    AND ($model IS NULL OR other.model_id = $model)
ORDER BY abs(latest.score - other.score) DESC, latest.uri, latest.row_number, other.model_id
LIMIT $limit;
