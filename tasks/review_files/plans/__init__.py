"""How the columns of one file become ours: the plan of reading, and the parsing of dates, labels and ratings by it."""
