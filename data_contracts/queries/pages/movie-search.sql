-- Which movies are called so, and how are they rated?
-- $words text = none: words that are all in the title, the id or the year; accents, upper and lower case are the same
-- $at_least count = 0: leaves out movies with fewer reviews
-- $sort text = reviews: by what they are sorted: title, stars, reviews, positive or year
-- $order text = descending: or ascending
-- $limit count = 50: movies at most
WITH found AS (
    SELECT
        movie_id, title, year, reviews, rating AS stars, rating_low AS low, rating_high AS high,
        share_positive, count(*) OVER () AS movies_found, (SELECT count(*) FROM movie_ratings) AS movies,
        CASE $sort WHEN 'stars' THEN stars WHEN 'reviews' THEN reviews WHEN 'positive' THEN share_positive END AS number,
        CASE $sort WHEN 'title' THEN strip_accents(lower(coalesce(title, movie_id))) WHEN 'year' THEN year END AS name
    FROM movie_ratings LEFT JOIN "known-titles" USING (movie_id)
    WHERE reviews >= $at_least AND len(list_filter(
        string_split_regex(strip_accents(lower(coalesce($words, ''))), '\s+'),
        lambda word: NOT contains(strip_accents(lower(concat_ws(' ', title, movie_id, year))), word)
    )) = 0
)
SELECT
    movie_id,
    title, -- as the user gave it
    year,
    stars, -- 1 to 10, as rating in movie_ratings
    low, -- to high the likely range of the mean that writers give
    high,
    reviews,
    share_positive, -- 0 to 1
    movies_found, -- in all
    movies -- that there are
FROM found
ORDER BY
    CASE WHEN $order = 'ascending' THEN number END, CASE WHEN $order <> 'ascending' THEN number END DESC NULLS LAST,
    CASE WHEN $order = 'ascending' THEN name END, CASE WHEN $order <> 'ascending' THEN name END DESC NULLS LAST,
    reviews DESC, movie_id
LIMIT $limit;
