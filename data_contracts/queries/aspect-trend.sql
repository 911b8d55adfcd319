-- How does what reviews praise and criticise change, by when they were written?
-- $movie text = none: only reviews of the movie with this movie_id
-- $aspect text = none: only this aspect
-- $step text = quarter: the length of a period: week, month, quarter or year
WITH reviews_of_aspects AS (
    SELECT
        date_trunc($step, make_timestamp(epoch_us(coalesce(reviewed_at, scored_at))))::DATE AS period, aspect,
        sum(CASE polarity WHEN 'positive' THEN 1 WHEN 'negative' THEN -1 ELSE 0 END) AS says
    FROM mentions
    WHERE ($movie IS NULL OR movie_id = $movie) AND ($aspect IS NULL OR aspect = $aspect)
    GROUP BY period, aspect, source_sha256, row_number
)
SELECT
    aspect,
    period, -- the first day of it, in UTC; of undated reviews that in which they were scored
    count(*) AS reviews, -- that speak of it
    count(*) FILTER (says > 0) AS praised,
    count(*) FILTER (says < 0) AS criticised,
    CASE WHEN praised + criticised > 0 THEN praised / (praised + criticised) END AS share_positive -- of these two, 0 to 1
FROM reviews_of_aspects GROUP BY aspect, period ORDER BY aspect, period;
