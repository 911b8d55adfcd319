-- Which movies did a run or a week move most, by their mean rating in stars, of those with five reviews before and after?
-- $limit count = 10: movies at most
-- $at_least count = 5: leaves out movies with fewer reviews, before or after
WITH touched AS ( -- the movies with the most reviews that came in, since each is rated twice
    SELECT movie_id FROM "period-rows" WHERE movie_id IS NOT NULL AND counts
    GROUP BY movie_id ORDER BY count(*) DESC, movie_id LIMIT 1000
),
reviews AS MATERIALIZED (
    SELECT source_sha256, row_number, review_id, text_sha256, movie_id, reviewed_at, file_commit_number, file_uri
    FROM source_reviews SEMI JOIN touched USING (movie_id) WHERE counts IS DISTINCT FROM false
),
scores AS MATERIALIZED (
    SELECT source_sha256, row_number, model_id, predicted_rating, scored_at
    FROM scored_reviews SEMI JOIN reviews USING (source_sha256, row_number)
),
moments AS (
    SELECT true AS is_before, begins - INTERVAL 1 MICROSECOND AS moment FROM "period-span"
    UNION ALL SELECT false, ends FROM "period-span"
),
-- The view movie_ratings as it was at a moment: from what was committed and promoted by then.
files AS (
    SELECT is_before, moment, source_sha256, model_id FROM scored_files, moments
    WHERE status = 'scored' AND committed_at <= moment AND (superseded_at IS NULL OR superseded_at > moment)
),
ranks AS (
    SELECT is_before, model_id, max(number) AS model_rank FROM promotions, moments WHERE "at" <= moment
    GROUP BY is_before, model_id
),
best AS (
    SELECT is_before, source_sha256, row_number, arg_max(predicted_rating, model_rank) AS predicted_rating
    FROM scores JOIN files USING (source_sha256, model_id) JOIN ranks USING (is_before, model_id)
    WHERE scored_at <= moment GROUP BY is_before, source_sha256, row_number
),
dated AS (
    SELECT
        *, CASE WHEN isfinite(reviewed_at) THEN reviewed_at END AS dated_at,
        CASE WHEN review_id IS NULL THEN text_sha256 END AS known_by
    FROM best JOIN reviews USING (source_sha256, row_number)
),
newest AS (
    SELECT
        is_before, movie_id,
        arg_max(predicted_rating, row(file_commit_number, file_uri, source_sha256, row_number)) AS stars
    FROM (
        FROM dated QUALIFY NOT coalesce(
            dated_at < max(dated_at) OVER (PARTITION BY is_before, review_id, known_by, movie_id), false
        )
    ) GROUP BY is_before, review_id, known_by, movie_id
),
rated AS (SELECT is_before, movie_id, count(*) AS reviews, avg(stars) AS stars FROM newest GROUP BY is_before, movie_id)
SELECT
    movie_id,
    earlier.stars AS before, -- mean predicted rating, 1 to 10 stars
    later.stars AS after, -- likewise
    later.stars - earlier.stars AS change,
    earlier.reviews AS reviews_before,
    later.reviews AS reviews_after
FROM (FROM rated WHERE is_before) AS earlier JOIN (FROM rated WHERE NOT is_before) AS later USING (movie_id)
WHERE least(earlier.reviews, later.reviews) >= $at_least
ORDER BY abs(change) DESC, movie_id
LIMIT $limit;
