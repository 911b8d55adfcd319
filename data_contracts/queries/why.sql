-- What do its reviews praise in a movie, what do they criticise, and in which words?
-- $movie text = none: only of the movie with this movie_id
-- $limit count = 5: aspects at most on each side
WITH sides AS (
    SELECT
        movie_id, aspect, praised + criticised AS of_reviews, unnest([
            {'side': 'praised', 'reviews': praised, 'share': share_positive, 'low': share_low, 'high': share_high},
            {'side': 'criticised', 'reviews': criticised, 'share': 1 - share_positive, 'low': 1 - share_high, 'high': 1 - share_low}
        ], recursive := true)
    FROM movie_aspects WHERE $movie IS NULL OR movie_id = $movie
),
aspects AS (
    FROM sides WHERE reviews > 0
    QUALIFY row_number() OVER (PARTITION BY movie_id, side ORDER BY reviews DESC, share DESC, aspect) <= $limit
),
-- Of each review its clearest sentence, those of a usual length first, and each sentence once.
sentences AS (
    SELECT movie_id, place, said.aspect, said.start, said.stop, CASE said.polarity WHEN 'positive' THEN 'praised' ELSE 'criticised' END AS side,
        said.stop - said.start BETWEEN 30 AND 240 AS is_usual, said.sureness, row_name, row_number() OVER (
            PARTITION BY movie_id, said.aspect, said.polarity, place ORDER BY is_usual DESC, said.sureness DESC, said.start
        ) AS rank
    FROM (
        SELECT movie_id, rowid AS place, left(source_sha256, 12) || ':' || row_number AS row_name, unnest(mentions) AS said
        FROM source_reviews
        WHERE is_latest AND best_model_id IS NOT NULL -- as in latest_scores
        AND movie_id IS NOT NULL AND ($movie IS NULL OR movie_id = $movie)
    ) WHERE said.polarity <> 'neither'
),
picked AS MATERIALIZED (
    FROM sentences SEMI JOIN aspects USING (movie_id, aspect, side) WHERE rank = 1
    QUALIFY row_number() OVER (PARTITION BY movie_id, side, aspect ORDER BY is_usual DESC, sureness DESC, place) <= 2
),
quoted AS (
    SELECT picked.movie_id, side, aspect, list(substring(text, start + 1, stop - start) ORDER BY sureness DESC, place) AS quotes,
        list(picked.row_name ORDER BY sureness DESC, place) AS row_names
    FROM picked JOIN source_reviews AS review ON review.rowid = place GROUP BY ALL
)
SELECT
    movie_id,
    side, -- 'praised' or 'criticised'
    aspect,
    reviews, -- that do so
    of_reviews, -- that do either
    share, -- of these, 0 to 1
    low, -- to high the 90 % interval of the share
    high,
    left(quotes[1], 300) AS quote, -- one of the clearest sentences, each of another review
    row_names[1] AS row_name, -- of its review, for `reviews explain`
    left(quotes[2], 300) AS second_quote,
    row_names[2] AS second_row_name
FROM aspects LEFT JOIN quoted USING (movie_id, side, aspect)
ORDER BY movie_id, side DESC, reviews DESC, share DESC, aspect;
