-- How often does each model agree with the writers of the scored reviews, by source?
-- $since date = none: leaves out rows scored before this day, in UTC
SELECT
    model_id,
    source, -- a folder of the inbox, or 'default'
    sum(labelled_reviews)::BIGINT AS judged_reviews, -- source rows with a label, or a rating that implies one
    round(sum(accuracy * labelled_reviews) / sum(labelled_reviews), 3) AS accuracy,
    sum(rated_reviews)::BIGINT AS rated_reviews,
    round(sum(rating_mae * rated_reviews) / sum(rated_reviews), 2) AS mean_error -- stars
FROM live_accuracy
WHERE $since IS NULL OR day >= $since
GROUP BY model_id, source
ORDER BY model_id, source;
