-- Is the model as sure as it is right, by source?
-- $since date = none: leaves out reviews written (where undated: scored) before this day, in UTC
WITH judged AS (
    -- The writer's sentiment is the label, else from the rating: 7 stars or more positive, 4 or fewer negative.
    SELECT
        coalesce(file_source, 'default') AS source,
        greatest(best_score, 1 - best_score) AS certainty,
        best_sentiment = coalesce(
            given_label, CASE WHEN given_rating >= 7 THEN 'positive' WHEN given_rating <= 4 THEN 'negative' END
        ) AS is_right
    FROM source_reviews LEFT JOIN models ON model_id = best_model_id
    WHERE is_latest AND best_model_id IS NOT NULL -- the rows of latest_scores
        AND coalesce(file_seen_at > own_labels_until, true) -- what a model may have learnt does not judge it
        AND ($since IS NULL OR coalesce(reviewed_at, best_scored_at) >= $since)
)
SELECT
    source, -- a folder of the inbox, or 'default'
    count(*) AS judged_reviews, -- with a label in their file, or a rating that implies one, but for those that the model may have learnt from
    round(avg(certainty), 3) AS mean_certainty, -- the score of the sentiment that the model chose
    round(avg(is_right::INTEGER), 3) AS accuracy,
    round(avg(certainty) - avg(is_right::INTEGER), 3) AS too_sure, -- by how much: below 0 it is less sure than right
    round(1.96 * stddev_pop(certainty - is_right::INTEGER) / sqrt(count(*)), 3) AS by_chance -- that much is chance, 95 %
FROM judged
WHERE is_right IS NOT NULL
GROUP BY source
ORDER BY judged_reviews DESC, source;
