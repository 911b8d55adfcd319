-- Which of two files, or of two readings of a file, came last is decided by the order of the commits, not by a clock. What
-- was committed before this version is numbered by its time in microseconds, so that its order stays.

ALTER TABLE scored_files ADD COLUMN commit_number BIGINT; -- of the commit: a later one has a greater number, whatever the clock showed
ALTER TABLE scored_files ADD COLUMN superseded_number BIGINT; -- of the change by which it counts no more, in the same series; null while it counts
UPDATE scored_files SET commit_number = epoch_us(committed_at), superseded_number = epoch_us(superseded_at);

ALTER TABLE source_reviews ADD COLUMN file_commit_number BIGINT; -- of the commit that first brought its file: the order of arrival
-- Unlike UPDATE, it keeps no row in memory.
ALTER TABLE source_reviews ALTER file_commit_number TYPE BIGINT USING epoch_us(file_seen_at);
