-- For which movies do ratings rise or fall over time by more than chance?
-- $at_least count = 10: leaves out movies with fewer reviews
-- $errors number = 3: leaves out trends of fewer standard errors, which may be chance
-- $limit count = 20: rows at most
SELECT
    movie_id,
    reviews,
    round(trend, 2) AS trend, -- stars a year, by the reviews that have a date
    round(trend_error, 2) AS trend_error, -- its standard error
    round(movie_ratings.rating, 2) AS rating,
    round(rating_low, 1) AS rating_low, -- 90 % interval of the rating
    round(rating_high, 1) AS rating_high,
    round(mean_predicted_rating, 2) AS mean_predicted_rating, -- by the model alone
    first_reviewed_at,
    last_reviewed_at
FROM movie_ratings
WHERE abs(trend) > $errors * trend_error AND reviews >= $at_least
ORDER BY abs(trend) DESC, movie_id
LIMIT $limit;
