-- Which row of a review is its newest no longer depends on the time at which a row without a date arrived, compared with
-- the dates of other rows (docs/feeding.md). Only reviews that came with a date and without one can change.

CREATE TEMP TABLE mixed_reviews AS
SELECT review_key FROM source_reviews GROUP BY review_key
HAVING count(*) FILTER (isfinite(reviewed_at)) BETWEEN 1 AND count(*) - 1;

CREATE TEMP TABLE mixed_rows AS
SELECT
    rowid AS place, is_latest, review_id, text_sha256, movie_id, file_seen_at, file_uri, source_sha256, row_number,
    CASE WHEN isfinite(reviewed_at) THEN reviewed_at END AS dated_at
FROM source_reviews SEMI JOIN mixed_reviews USING (review_key);

UPDATE source_reviews SET is_latest = settled.is_newest FROM (
    WITH newest AS (
        SELECT arg_max(place, row(file_seen_at, file_uri, source_sha256, row_number)) AS place
        FROM (FROM mixed_rows WHERE file_seen_at IS NOT NULL QUALIFY NOT coalesce(dated_at < max(dated_at) OVER (
            PARTITION BY review_id, CASE WHEN review_id IS NULL THEN text_sha256 END, movie_id
        ), false))
        GROUP BY review_id, CASE WHEN review_id IS NULL THEN text_sha256 END, movie_id
    )
    SELECT place, newest.place IS NOT NULL AS is_newest FROM mixed_rows LEFT JOIN newest USING (place)
    WHERE is_latest IS DISTINCT FROM is_newest
) AS settled WHERE source_reviews.rowid = settled.place;

DROP TABLE mixed_rows;
DROP TABLE mixed_reviews;
