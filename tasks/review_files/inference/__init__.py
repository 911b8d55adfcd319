"""What a review file itself says about how to read it: its columns by their names, its values by all that it has."""
