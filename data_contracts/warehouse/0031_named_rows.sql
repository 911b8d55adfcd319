-- Which forgotten rows were meant. Of an earlier reading in which it is not known which these are, all rows are forgotten;
-- only what was meant is forgotten in files that grow from it.

ALTER TABLE forgotten_rows ADD COLUMN is_named BOOLEAN DEFAULT true; -- false for a row that went with all others of its reading, in which it is not known which were meant
