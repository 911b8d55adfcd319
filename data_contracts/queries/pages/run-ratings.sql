-- How many stars did the model and the writers of a run give?
SELECT
    stars,
    count(*) FILTER (round(predicted_rating) = stars) AS predicted,
    count(*) FILTER (round(given_rating) = stars) AS given_by_writers
FROM "period-rows", range(1, 11) AS numbers (stars) WHERE counts
GROUP BY stars ORDER BY stars;
