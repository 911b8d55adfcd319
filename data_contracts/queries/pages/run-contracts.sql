-- Which checks of contracts of a run failed, by rule?
SELECT
    rule, if(severity = 'error', 'failed', 'warned') AS result, boundary, observed, expected, rows_against_it, checks, held
FROM "run-checks" WHERE held < checks ORDER BY severity, boundary, rule;
