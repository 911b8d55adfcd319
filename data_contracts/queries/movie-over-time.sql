-- How do the reviews rate a movie, by when they were written, the undated ones last?
-- $movie text = none: only the movie with this movie_id
WITH reviews AS (
    SELECT
        movie_id, rating, sentiment, given_rating,
        CASE WHEN given_rating IS NULL THEN rating_interval_title END AS title_error,
        CASE WHEN given_rating IS NULL THEN rating_interval_review END AS review_error,
        -- Dates that are errors are left out, as in movie_ratings.
        CASE WHEN reviewed_at >= '1888-01-01' AND epoch_us(reviewed_at) <= epoch_us(scored_at) + 86_400_000_000
            THEN make_timestamp(epoch_us(reviewed_at)) END AS written_at
    FROM latest_scores LEFT JOIN models USING (model_id)
    WHERE movie_id IS NOT NULL AND ($movie IS NULL OR movie_id = $movie)
),
spans AS (
    SELECT movie_id, date_diff('day', min(written_at), max(written_at)) AS days FROM reviews GROUP BY movie_id
),
rated AS (
    SELECT
        movie_id,
        CASE
            WHEN written_at IS NULL THEN NULL
            WHEN days <= 1100 THEN year(written_at) || ' Q' || quarter(written_at)
            WHEN days <= 5500 THEN year(written_at)::VARCHAR
            ELSE (year(written_at) // 10 * 10)::VARCHAR || 's'
        END AS period,
        count(*) AS reviews,
        avg(rating) AS stars,
        avg((sentiment = 'positive')::INTEGER) AS share_positive,
        avg(given_rating) AS given,
        -- As in movie_ratings, for a part of the reviews.
        CASE WHEN count(title_error + review_error) = count(*) - count(given_rating) THEN coalesce(
            sqrt(avg(title_error ** 2) + avg(review_error ** 2) / count(review_error)) * count(review_error) / count(*), 0
        ) END AS margin
    FROM reviews JOIN spans USING (movie_id) GROUP BY movie_id, period
)
SELECT
    movie_id,
    period, -- a quarter; over more than three years a year, over more than fifteen a decade; null where undated
    stars, -- 1 to 10, as rating in movie_ratings
    CASE WHEN margin IS NOT NULL THEN greatest(1, stars - margin) END AS low, -- 1 to 10; to high the interval around it
    CASE WHEN margin IS NOT NULL THEN least(10, stars + margin) END AS high,
    reviews,
    share_positive, -- 0 to 1
    given -- 1 to 10 stars, the mean of the reviews' writers; null without any
FROM rated
ORDER BY movie_id, period NULLS LAST;
