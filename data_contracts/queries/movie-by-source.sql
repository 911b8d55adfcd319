-- How do the reviews of each source rate a movie, the source with the most first?
-- $movie text = none: only the movie with this movie_id
WITH rated AS (
    SELECT
        movie_id,
        source,
        count(*) AS reviews,
        avg(rating) AS stars,
        avg((sentiment = 'positive')::INTEGER) AS share_positive,
        avg(given_rating) AS given,
        -- As in movie_ratings, for a part of the reviews.
        CASE WHEN count(title_error + review_error) = count(*) - count(given_rating) THEN coalesce(
            sqrt(avg(title_error ** 2) + avg(review_error ** 2) / count(review_error)) * count(review_error) / count(*), 0
        ) END AS margin
    FROM (
        SELECT *, CASE WHEN given_rating IS NULL THEN rating_interval_title END AS title_error,
            CASE WHEN given_rating IS NULL THEN rating_interval_review END AS review_error
        FROM latest_scores LEFT JOIN models USING (model_id)
        WHERE movie_id IS NOT NULL AND ($movie IS NULL OR movie_id = $movie)
    ) GROUP BY movie_id, source
)
SELECT
    movie_id,
    source, -- a folder of the inbox, or 'default'
    stars, -- 1 to 10, as rating in movie_ratings
    CASE WHEN margin IS NOT NULL THEN greatest(1, stars - margin) END AS low, -- 1 to 10; to high the interval around it
    CASE WHEN margin IS NOT NULL THEN least(10, stars + margin) END AS high,
    reviews,
    share_positive, -- 0 to 1
    given -- 1 to 10 stars, the mean of the reviews' writers; null without any
FROM rated
ORDER BY movie_id, reviews DESC, source;
