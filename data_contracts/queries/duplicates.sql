-- Which texts came in more than once?
-- $limit count = 20: rows at most
WITH candidates AS (
    SELECT text_sha256, source_sha256, review_id, movie_id, rowid AS place
    FROM source_reviews WHERE text_key IN (SELECT key FROM repeated_keys WHERE kind = 'text')
),
repeated AS (
    SELECT
        count(*) AS times,
        count(DISTINCT source_sha256) AS files,
        count(DISTINCT review_id) AS review_ids,
        count(DISTINCT movie_id) AS movies,
        text_sha256,
        min(place) AS position
    -- Only here, since of few rows it is found quickly whether their readings count.
    FROM candidates ANTI JOIN (FROM scored_files WHERE superseded_at IS NOT NULL) AS superseded USING (source_sha256)
    GROUP BY text_sha256
    HAVING count(*) > 1
    ORDER BY times DESC, text_sha256
    LIMIT $limit
)
SELECT
    times,
    files,
    review_ids,
    movies,
    repeated.text_sha256,
    text
FROM repeated JOIN source_reviews ON source_reviews.rowid = position
ORDER BY times DESC, repeated.text_sha256;
