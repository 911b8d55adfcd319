"""What a review says of the aspects of a thing, such as the acting of a film, clause by clause."""
