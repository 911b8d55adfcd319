-- How does the model of a training do on sentences whose effect is obvious, and on reviews from elsewhere?
WITH sets AS (
    SELECT place, name, unnest(from_json(metrics->path, '["JSON"]')) AS test
    FROM "training-model", (VALUES
        (1, 'behaviour', '$.evaluations.behaviour.by_test'), (2, 'elsewhere', '$.evaluations.elsewhere.by_kind')
    ) AS named (place, name, path) WHERE (metrics->path) IS NOT NULL
)
SELECT
    name AS set, -- of behavioural tests, or of reviews as people write them on other sites
    replace(test->>'name', '_', ' ') AS what,
    (test->'tests')::BIGINT AS texts,
    (test->'passed')::BIGINT AS called_right,
    (test->'rate')::DOUBLE AS share
FROM sets ORDER BY place;
