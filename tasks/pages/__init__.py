"""What all HTML pages share: the base template and style, the formatting of values, and writing to disk."""
