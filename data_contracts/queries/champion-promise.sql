-- What accuracy did the champion promise, what does it hold, since when, and is a training due?
SELECT
    promises.model_id,
    source, -- null over all sources
    promises.since, -- when it became the champion
    round(promised, 3) AS promised, -- accuracy on held-out reviews
    promised_by, -- whose: of the source, or of the archive
    round(right_reviews / nullif(reviews, 0), 3) AS held, -- accuracy on labelled reviews that came since, in the last 90 days
    reviews, -- that came with a label, each once; live_accuracy counts every row, and labels of `reviews models label` too
    round(evidence, 2) AS evidence, -- of a fall; from 1 on beyond chance
    fallen_since,
    round(right_since_fall / nullif(reviews_since_fall, 0), 3) AS held_since_fall,
    due_since, -- null where no training is due, also if one with own labels has followed
    why
FROM promises LEFT JOIN (
    SELECT min(first_seen) AS due_since, string_agg(what, '; ' ORDER BY first_seen, subject) AS why
    FROM findings WHERE kind = 'training_due' AND state <> 'settled'
) AS reasons ON source IS NULL
WHERE promises.number = (SELECT max(number) FROM promotions)
ORDER BY source NULLS FIRST;
