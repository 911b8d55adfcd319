-- About which reviews is the model least certain?
-- $since date = none: leaves out reviews written (where undated: scored) before this day, in UTC
-- $limit count = 20: rows at most
SELECT
    review_id,
    movie_id,
    round(score, 3) AS score, -- P(positive), 0 to 1
    round(predicted_rating, 1) AS predicted_rating,
    given_rating,
    text
FROM latest_scores
WHERE ($since IS NULL OR coalesce(reviewed_at, scored_at) >= $since)
ORDER BY abs(latest_scores.score - 0.5), uri, row_number
LIMIT $limit;
