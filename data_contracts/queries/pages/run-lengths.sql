-- How long are the reviews of a run, in words?
WITH bins AS (
    SELECT words_from, lead(words_from) OVER (ORDER BY words_from) AS until
    FROM unnest([1, 50, 100, 150, 200, 300, 400, 600, 1000]) AS numbers (words_from)
)
SELECT
    CASE WHEN until IS NULL THEN format('{:,} and more', words_from) ELSE words_from || '-' || until - 1 END AS words,
    count(token_count) AS reviews
FROM bins LEFT JOIN (FROM "period-rows" WHERE counts) AS scored
    ON greatest(token_count, 1) >= words_from AND (token_count < until OR until IS NULL)
WHERE EXISTS (FROM "period-rows" WHERE counts)
GROUP BY words_from, until ORDER BY words_from;
