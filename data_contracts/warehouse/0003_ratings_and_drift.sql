-- How well a model's stars fit, and what a run's scores are held against to see drift.

-- A mean rating of n reviews of a movie is known to within sqrt(title^2 + review^2 / n) stars, nine times of ten: fitted
-- on held-out titles. Null where the bundle has no fitted rating, as are all of these.
ALTER TABLE models ADD COLUMN rating_interval_title DOUBLE; -- stars; what more reviews do not take away
ALTER TABLE models ADD COLUMN rating_interval_review DOUBLE; -- stars; what one review brings
ALTER TABLE models ADD COLUMN test_rating_mae DOUBLE; -- stars, mean absolute error of predicted_rating
ALTER TABLE models ADD COLUMN test_rating_rmse DOUBLE; -- stars
ALTER TABLE models ADD COLUMN test_rating_spearman DOUBLE; -- of predicted and given ratings, review by review
ALTER TABLE models ADD COLUMN test_title_spearman DOUBLE; -- of their means, over titles with ten or more reviews
ALTER TABLE models ADD COLUMN test_title_pearson DOUBLE; -- likewise

-- One row per model and measure of its held-out reviews: model_id, measure.
CREATE TABLE reference_measures (
    model_id VARCHAR, -- as in models
    measure VARCHAR, -- 'score', 'token_count', 'oov_rate' or 'truncated', as in scored_reviews
    reviews BIGINT NOT NULL, -- held-out reviews that were measured
    mean DOUBLE NOT NULL, -- over those
    critical_value DOUBLE NOT NULL, -- times (1/n + 1/reviews), the PSI that n random reviews hardly ever exceed
    PRIMARY KEY (model_id, measure)
);

-- One row per model, measure and bin of its held-out reviews: model_id, measure, bin.
CREATE TABLE reference_bins (
    model_id VARCHAR, -- as in models
    measure VARCHAR, -- as in reference_measures
    bin INTEGER, -- from 1, upwards
    lower DOUBLE NOT NULL, -- the lowest value in it; it ends where the next one begins; -infinity for the first
    reviews BIGINT NOT NULL, -- held-out reviews in it
    PRIMARY KEY (model_id, measure, bin)
);
