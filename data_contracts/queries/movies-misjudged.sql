-- For which movies do given and predicted ratings of the same reviews differ most?
-- $at_least count = 5: leaves out movies with fewer reviews that have a rating
-- $limit count = 20: rows at most
SELECT
    movie_id,
    count(*) AS rated_reviews,
    round(avg(given_rating), 2) AS mean_given_rating,
    round(avg(predicted_rating), 2) AS mean_predicted_rating,
    round(avg(predicted_rating - given_rating), 2) AS difference -- stars, predicted minus given
FROM latest_scores
WHERE movie_id IS NOT NULL AND given_rating IS NOT NULL
GROUP BY movie_id
HAVING count(*) >= $at_least
ORDER BY abs(avg(predicted_rating - given_rating)) DESC, movie_id
LIMIT $limit;
