-- A file that grows comes again as another one, which begins with all of its bytes and takes its place.

ALTER TABLE scored_files ADD COLUMN grown_into VARCHAR; -- the sha256 of the last file that it grew into; null where none took its place so
