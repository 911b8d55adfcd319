-- How often does each model judge as the writers did, in the files that came in?
-- $since date = none: leaves out what was scored before this day, in UTC
WITH judged AS (
    -- A writer's judgement is the label or, where there is none, the rating: positive from 7 stars up, negative to 4.
    SELECT scored.*, given_rating, coalesce(
        given_label, CASE WHEN given_rating >= 7 THEN 'positive' WHEN given_rating <= 4 THEN 'negative' END
    ) AS given_sentiment
    FROM scored_reviews AS scored JOIN source_reviews USING (source_sha256, row_number)
    WHERE $since IS NULL OR scored_at >= $since
)
SELECT
    model_id,
    count(given_sentiment) AS judged_reviews, -- source rows with a judgement
    round(avg((sentiment = given_sentiment)::INTEGER), 3) AS accuracy,
    count(given_rating) AS rated_reviews,
    round(avg(abs(predicted_rating - given_rating)), 2) AS mean_error -- stars
FROM judged
GROUP BY model_id
HAVING count(given_sentiment) + count(given_rating) > 0
ORDER BY model_id;
