-- Of which movies do later reviews say otherwise than earlier ones?
-- $at_least count = 10: leaves out movies with fewer reviews that have a date
-- $limit count = 20: rows at most
SELECT
    movie_id,
    count(*) AS dated_reviews,
    round(regr_slope(predicted_rating, epoch(reviewed_at) / 31557600), 2) AS trend, -- stars a year
    round(avg(predicted_rating), 2) AS mean_predicted_rating,
    min(reviewed_at) AS first_reviewed_at,
    max(reviewed_at) AS last_reviewed_at
FROM latest_scores
WHERE movie_id IS NOT NULL AND isfinite(reviewed_at)
GROUP BY movie_id
HAVING count(*) >= $at_least AND min(reviewed_at) < max(reviewed_at)
ORDER BY abs(regr_slope(predicted_rating, epoch(reviewed_at) / 31557600)) DESC, movie_id
LIMIT $limit;
