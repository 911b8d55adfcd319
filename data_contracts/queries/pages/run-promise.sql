-- What did the champion at the end of a run promise, and what does it hold by now, over all sources and by source?
-- $run text = none: the run_id of a scoring run
SELECT
    source, -- null over all
    round(promised, 3) AS accuracy_promised, -- on held-out reviews before it became the champion
    promised_by AS measured_on,
    right_reviews / nullif(reviews, 0) AS accuracy_held, -- on labelled reviews that came since, in the last 90 days
    reviews AS labelled,
    evidence, -- from 1 on the accuracy has fallen beyond chance
    fallen_since,
    model_id,
    since
FROM promises
WHERE number = (
    SELECT max(number) FROM promotions WHERE "at" <= (
        SELECT coalesce(ended_at, started_at) FROM runs WHERE run_id = $run
    )
)
ORDER BY source NULLS FIRST;
