-- A file may be read again, by a mended profile. Of its readings one counts; the others stay as history.

ALTER TABLE scored_files ADD COLUMN superseded_at TIMESTAMPTZ; -- when another reading of the file took its place; null while it counts
