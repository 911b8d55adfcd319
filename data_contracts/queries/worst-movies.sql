-- Which movies do their reviews rate worst?
-- $since date = none: leaves out reviews written (where undated: scored) before this day, in UTC
-- $at_least count = 5: leaves out movies with fewer reviews
-- $limit count = 20: rows at most
SELECT
    movie_id,
    count(*) AS reviews,
    round(avg(rating), 2) AS rating, -- 1 to 10 stars, as in movie_ratings
    round(avg(predicted_rating), 2) AS mean_predicted_rating, -- by the model alone
    round(avg((sentiment = 'positive')::INTEGER), 3) AS share_positive,
    round(avg(given_rating), 2) AS mean_given_rating -- over the reviews that have one
FROM latest_scores
WHERE movie_id IS NOT NULL AND ($since IS NULL OR coalesce(reviewed_at, scored_at) >= $since)
GROUP BY movie_id
HAVING count(*) >= $at_least
ORDER BY avg(latest_scores.rating), movie_id
LIMIT $limit;
