-- How often are the three models first in models-side-by-side right, for each kind of test review?
WITH slices AS (
    SELECT place, name, unnest(from_json(metrics->'$.evaluations.slices', '["JSON"]')) AS slice,
        generate_subscripts(from_json(metrics->'$.evaluations.slices', '["JSON"]'), 1) AS number
    FROM "first-models" WHERE (metrics->'$.evaluations.slices') IS NOT NULL
)
SELECT replace(slice->>'name', '_', ' ') AS kind, name AS model, (slice->'accuracy')::DOUBLE AS accuracy
FROM slices ORDER BY number, place;
