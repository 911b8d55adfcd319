-- Equally many rows of another part of a file, such as another sheet, are other rows.

ALTER TABLE forgotten_rows ADD COLUMN rows_chosen VARCHAR; -- the part of the profile's version after a dash, of the reading that was forgotten; empty without one, null if unknown
