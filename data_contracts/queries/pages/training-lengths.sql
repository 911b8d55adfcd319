-- How often is the model of a training right, and how far off are its stars, by the number of words of a test review?
WITH bins AS (
    SELECT unnest(from_json(metrics->'$.evaluations.by_length', '["JSON"]')) AS bin FROM "training-model"
    WHERE (metrics->'$.evaluations.by_length') IS NOT NULL
),
ranges AS (
    SELECT
        greatest((bin->'from_words')::BIGINT, 1) AS words_from, (bin->'accuracy')::DOUBLE AS accuracy,
        (bin->'rating_mae')::DOUBLE AS stars_off, (bin->'reviews')::BIGINT AS reviews
    FROM bins
)
SELECT
    words_from || coalesce('-' || lead(words_from) OVER (ORDER BY words_from) - 1, ' and more') AS words,
    accuracy, stars_off, reviews
FROM ranges ORDER BY words_from;
