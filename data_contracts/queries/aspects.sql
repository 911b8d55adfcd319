-- What do reviews praise and criticise, over all movies?
-- $source text = none: only reviews of this source
WITH reviews_of_aspects AS (
    SELECT aspect, movie_id, sum(CASE polarity WHEN 'positive' THEN 1 WHEN 'negative' THEN -1 ELSE 0 END) AS says
    FROM mentions WHERE $source IS NULL OR source = $source
    GROUP BY aspect, movie_id, source_sha256, row_number
)
SELECT
    aspect,
    count(*) AS reviews, -- that speak of it
    count(DISTINCT movie_id) AS movies, -- of which they speak so
    count(*) FILTER (says > 0) AS praised, -- reviews that praise it
    count(*) FILTER (says < 0) AS criticised, -- reviews that criticise it
    CASE WHEN praised + criticised > 0 THEN praised / (praised + criticised) END AS share_positive -- of those that do either, 0 to 1
FROM reviews_of_aspects GROUP BY aspect ORDER BY reviews DESC, aspect;
