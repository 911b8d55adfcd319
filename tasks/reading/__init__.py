"""Reading of review files: rows of one schema from any format, or the refusal of the file by a rule."""
