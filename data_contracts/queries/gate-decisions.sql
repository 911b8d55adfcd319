-- Why was a model promoted, or not: which rules of the gate did it break?
-- $limit count = 20: decisions at most
SELECT
    any_value(gate_checks."at") AS "at",
    any_value(model_id) AS model_id,
    any_value(compared_with) AS compared_with, -- the champion at that time
    any_value(mode) AS mode, -- as requested: auto, never or always
    any_value(promoted) AS promoted,
    count(*) AS rules,
    count_if(passed) AS held,
    coalesce(string_agg(name || ': ' || detail, '; ' ORDER BY name) FILTER (NOT passed), '') AS broken
FROM gate_checks
GROUP BY decision
ORDER BY decision DESC
LIMIT $limit;
