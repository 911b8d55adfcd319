-- What was forgotten in a file is known in each that begins with its bytes; a refusal holds for a name and a profile.

ALTER TABLE forgotten_rows ADD COLUMN bytes BIGINT; -- the size of the row's file; null if unknown
UPDATE forgotten_rows SET bytes = files.bytes
FROM (FROM scored_files SELECT source_sha256, max(bytes) AS bytes GROUP BY ALL) AS files
WHERE files.source_sha256 = forgotten_rows.source_sha256;

ALTER TABLE scored_files ADD COLUMN refused_as VARCHAR[]; -- as what a refused file was read: each time the version of the profile, or none, and the uri; null if it never was
UPDATE scored_files SET refused_as = [coalesce(profile_version, 'none') || ' ' || uri] WHERE status = 'refused';
