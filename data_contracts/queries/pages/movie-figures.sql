-- How do its reviews rate a movie, in figures?
-- $movie text = none: only the movie with this movie_id
SELECT
    movie_id,
    rating AS stars, -- 1 to 10
    rating_low, -- to rating_high the likely range of the mean that writers give
    rating_high,
    reviews,
    share_positive, -- 0 to 1
    mean_given_rating AS stars_by_writers,
    rated_reviews, -- whose writers gave stars
    trend, -- stars a year
    trend_error,
    dated - 2 AS freedom -- dated reviews less two
FROM movie_ratings JOIN (
    -- Dates that are errors are left out, as in movie_ratings.
    SELECT movie_id, count(*) FILTER (
        reviewed_at >= '1888-01-01' AND epoch_us(reviewed_at) <= epoch_us(scored_at) + 86_400_000_000
    ) AS dated FROM latest_scores GROUP BY movie_id
) AS dates USING (movie_id)
WHERE $movie IS NULL OR movie_id = $movie;
