-- Which files did a run refuse, by which rule, and what is wrong where?
-- $limit count = 100: files at most
SELECT uri AS file, rule, detail
FROM "period-files" WHERE status = 'refused' ORDER BY uri LIMIT $limit;
