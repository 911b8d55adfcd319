-- Which three models are first in models-side-by-side, under which short names, with which figures?
WITH ordered AS (
    SELECT
        model_id, metrics, regexp_extract(model_id, '^(.+)-[^-]*$', 1) AS made, regexp_extract(model_id, '[^-]*$') AS digest,
        row_number() OVER (
            ORDER BY number = (SELECT max(number) FROM promotions) DESC NULLS LAST, number DESC NULLS LAST, trained_at DESC,
            model_id
        ) AS place
    FROM models LEFT JOIN (SELECT model_id, max(number) AS number FROM promotions GROUP BY model_id) USING (model_id)
    QUALIFY place <= 3
)
SELECT
    place, model_id, metrics,
    -- Variant and seed or, where these are long or not its alone, its digest.
    left(if(count(*) OVER (PARTITION BY made) = 1 AND length(made) BETWEEN 1 AND 12, made, digest), 12) AS name
FROM ordered;
