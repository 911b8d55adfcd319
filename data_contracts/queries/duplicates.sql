-- Which texts came in more than once?
-- $limit count = 20: rows at most
SELECT
    count(*) AS times,
    count(DISTINCT source_sha256) AS files,
    count(DISTINCT review_id) AS review_ids,
    count(DISTINCT movie_id) AS movies,
    text_sha256,
    min(text) AS text
FROM source_reviews
GROUP BY text_sha256
HAVING count(*) > 1
ORDER BY times DESC, text_sha256
LIMIT $limit;
