-- Which clearly negative reviews may want an answer, the newest first?
-- $source text = none: only reviews of this source
-- $since date = none: leaves out reviews written (where undated: scored) before this day, in UTC
-- $limit count = 20: rows at most
WITH picked AS (
    SELECT *, coalesce(reviewed_at, scored_at) AS dated_at FROM latest_scores
    WHERE score <= 0.25 AND coalesce(given_rating, 1) <= 4 AND coalesce(given_label, 'negative') = 'negative'
    AND ($source IS NULL OR source = $source) AND ($since IS NULL OR dated_at >= $since)
    ORDER BY dated_at DESC, uri, row_number LIMIT $limit
),
said AS (
    SELECT source_sha256, row_number, string_agg(DISTINCT aspect, ', ' ORDER BY aspect) AS criticised
    FROM mentions SEMI JOIN picked USING (source_sha256, row_number) WHERE polarity = 'negative' GROUP BY ALL
)
SELECT
    strftime(make_timestamp(epoch_us(dated_at)), '%Y-%m-%d') AS dated, -- when it was written; where undated: scored
    source,
    movie_id,
    review_id,
    round(predicted_rating, 1) AS stars, -- 1 to 10, by the model
    given_rating, -- 1 to 10 stars by its writer
    criticised, -- the aspects that it criticises
    left(text, 200) AS text,
    left(source_sha256, 12) || ':' || row_number AS row_name -- for `reviews explain`
FROM picked LEFT JOIN said USING (source_sha256, row_number)
ORDER BY dated_at DESC, uri, row_number;
