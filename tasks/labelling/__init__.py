"""Labels by people: which reviews to ask about, in a terminal or as a sheet, and how answers reach the database."""
