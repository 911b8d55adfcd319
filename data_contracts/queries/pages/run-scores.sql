-- How are the scores of a run distributed, of which those from 0.5 on are called positive?
SELECT bin / 20 AS score_from, count(score) AS reviews
FROM range(20) AS bins (bin)
LEFT JOIN (FROM "period-rows" WHERE counts) AS scored ON bin = least(floor(score * 20), 19)::INTEGER
WHERE EXISTS (FROM "period-rows" WHERE counts)
GROUP BY bin ORDER BY bin;
