-- Which titles did a user give to movies, which pages read from `titles.csv` of the home, so that none is here?
SELECT NULL::VARCHAR AS movie_id, NULL::VARCHAR AS title, NULL::VARCHAR AS year WHERE false;
