-- By how many rows its file was read, a forgotten row is known in other readings, also in a database that lost this one.

ALTER TABLE forgotten_rows ADD COLUMN rows_read BIGINT; -- as in scored_files, of the reading that was forgotten; null if unknown
UPDATE forgotten_rows SET rows_read = files.rows_read
FROM (FROM scored_files SELECT source_sha256, max(rows_read) AS rows_read WHERE status = 'scored' GROUP BY ALL) AS files
WHERE files.source_sha256 = forgotten_rows.source_sha256;
