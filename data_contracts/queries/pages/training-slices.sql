-- How often is the model of a training right for each kind of test review?
WITH slices AS (
    SELECT unnest(from_json(metrics->'$.evaluations.slices', '["JSON"]')) AS slice FROM "training-model"
    WHERE (metrics->'$.evaluations.slices') IS NOT NULL
)
SELECT
    CASE slice->>'name'
        WHEN 'short' THEN 'short, under 150 words'
        WHEN 'medium' THEN 'medium, 150 to 299 words'
        WHEN 'long' THEN 'long, from 300 words'
        WHEN 'unknown_words_q1' THEN 'fewest unknown words, the first quarter'
        WHEN 'unknown_words_q2' THEN 'unknown words, the second quarter'
        WHEN 'unknown_words_q3' THEN 'unknown words, the third quarter'
        WHEN 'unknown_words_q4' THEN 'most unknown words, the last quarter'
        WHEN 'negation' THEN 'with a negation'
        WHEN 'contrast' THEN 'with a contrast such as “but”'
        ELSE slice->>'name'
    END AS kind,
    (slice->'reviews')::BIGINT AS reviews,
    (slice->'accuracy')::DOUBLE AS accuracy,
    (slice->'lower')::DOUBLE AS accuracy_from, -- 95 % interval
    (slice->'upper')::DOUBLE AS accuracy_to
FROM slices;
