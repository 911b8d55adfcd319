"""New review files of any format, read as one table of rows, or refused by a rule."""
