"""What all HTML pages share: the base template and style, formatting of values, titles of movies, writing to disk."""
