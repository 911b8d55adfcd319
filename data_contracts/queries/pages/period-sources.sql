-- What did each source send in a run or a week, and how often did the model agree with its writers, all sources first?
SELECT
    CASE WHEN grouping(source) = 1 THEN NULL ELSE coalesce(source, 'default') END AS source, -- null over all
    count(*) FILTER (counts) AS reviews, -- in English, or such that the profile of their source accepts them
    count(*) FILTER (NOT counts) AS not_counted,
    count(DISTINCT movie_id) FILTER (counts) AS movies,
    avg((sentiment = 'positive')::INTEGER) FILTER (counts) AS share_positive, -- 0 to 1
    avg(predicted_rating) FILTER (counts) AS stars, -- 1 to 10
    avg((verdict = sentiment)::INTEGER) FILTER (judges) AS share_called_right, -- of those judged, 0 to 1
    count(verdict) FILTER (judges) AS judged, -- reviews whose writers gave a label or a clear rating
    avg(abs(predicted_rating - given_rating)) FILTER (judges) AS stars_off, -- mean absolute error
    count(given_rating) FILTER (judges) AS rated, -- reviews whose writers gave a rating
    count(verdict) FILTER (counts AND NOT can_judge) AS learnt -- with a verdict that the model may have learnt from
FROM "period-rows"
GROUP BY ROLLUP (source) HAVING count(*) > 0
ORDER BY grouping(source) DESC, count(*) DESC, source;
