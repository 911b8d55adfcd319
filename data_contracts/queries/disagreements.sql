-- For which reviews do the model and the writer disagree, the most certain scores first?
-- $since date = none: leaves out reviews written (where undated: scored) before this day, in UTC
-- $limit count = 20: rows at most
WITH judged AS (
    -- The writer's sentiment is the label, else from the rating: 7 stars or more positive, 4 or fewer negative.
    SELECT *, coalesce(
        given_label, CASE WHEN given_rating >= 7 THEN 'positive' WHEN given_rating <= 4 THEN 'negative' END
    ) AS given_sentiment
    FROM latest_scores
)
SELECT
    review_id,
    movie_id,
    given_sentiment,
    given_rating,
    sentiment,
    round(score, 3) AS score, -- P(positive), 0 to 1
    text
FROM judged
WHERE given_sentiment <> sentiment AND ($since IS NULL OR coalesce(reviewed_at, scored_at) >= $since)
ORDER BY abs(judged.score - 0.5) DESC, uri, row_number
LIMIT $limit;
