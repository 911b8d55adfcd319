-- Which reviews of a run or a week are the most positive, the most negative, the least certain and the surest mistakes?
-- $kind text = none: only these: most positive, most negative, least certain or surely wrong
-- $limit count = 5: reviews at most of each kind, each text once
WITH counted AS (FROM "period-rows" WHERE counts AND position IS NOT NULL),
kinds AS (
    (SELECT 1 AS place, 'most positive' AS kind, -score AS rank, * FROM counted ORDER BY ALL LIMIT 5 * $limit)
    UNION ALL
    (SELECT 2 AS place, 'most negative' AS kind, score AS rank, * FROM counted ORDER BY ALL LIMIT 5 * $limit)
    UNION ALL
    (SELECT 3 AS place, 'least certain' AS kind, abs(score - 0.5) AS rank, * FROM counted ORDER BY ALL LIMIT 5 * $limit)
    UNION ALL
    (
        SELECT 4 AS place, 'surely wrong' AS kind, -abs(score - 0.5) AS rank, * FROM counted
        WHERE can_judge AND sentiment <> verdict ORDER BY ALL LIMIT 5 * $limit
    )
),
distinct_texts AS (
    FROM kinds WHERE $kind IS NULL OR kind = $kind
    QUALIFY row_number() OVER (PARTITION BY kind, text_sha256 ORDER BY rank, source_sha256, row_number) = 1
),
picked AS MATERIALIZED (
    FROM distinct_texts
    QUALIFY row_number() OVER (PARTITION BY kind ORDER BY rank, source_sha256, row_number) <= $limit
)
SELECT
    kind, -- 'surely wrong': the model disagrees with the writer, who may be wrong too
    left(picked.source_sha256, 12) || ':' || picked.row_number AS row_name,
    picked.score, -- P(positive), 0 to 1
    picked.sentiment,
    predicted_rating AS stars, -- 1 to 10, by the model
    picked.given_rating, -- 1 to 10 stars by its writer
    picked.review_id,
    picked.movie_id,
    file_uri AS uri,
    CASE WHEN isfinite(reviewed_at) THEN strftime(make_timestamp(epoch_us(reviewed_at)), '%Y-%m-%d') END AS written_on,
    left(text, 1000) AS text,
    length(text) AS characters -- of the whole text
FROM picked JOIN source_reviews AS review ON review.rowid = position
ORDER BY place, rank, picked.source_sha256, picked.row_number;
