-- Of which movies do later reviews say otherwise than earlier ones?
-- $at_least count = 10: leaves out movies with fewer reviews
-- $limit count = 20: rows at most
SELECT
    movie_id,
    reviews,
    round(trend, 2) AS trend, -- stars a year, by the reviews that have a date
    round(mean_predicted_rating, 2) AS mean_predicted_rating,
    round(rating_low, 1) AS rating_low, -- 90 % interval of the mean
    round(rating_high, 1) AS rating_high,
    first_reviewed_at,
    last_reviewed_at
FROM movie_ratings
WHERE trend IS NOT NULL AND reviews >= $at_least
ORDER BY abs(trend) DESC, movie_id
LIMIT $limit;
