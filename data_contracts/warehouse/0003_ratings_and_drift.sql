-- The errors of a model's predicted ratings, and the reference distributions for drift.

-- The 90 % interval of a movie's mean rating over n reviews is plus or minus sqrt(title^2 + review^2 / n) stars, fitted
-- on held-out titles. All columns below are null where the bundle has no fitted rating.
ALTER TABLE models ADD COLUMN rating_interval_title DOUBLE; -- stars; the error that more reviews do not reduce
ALTER TABLE models ADD COLUMN rating_interval_review DOUBLE; -- stars; the error of a single review
ALTER TABLE models ADD COLUMN test_rating_mae DOUBLE; -- stars, mean absolute error of predicted_rating
ALTER TABLE models ADD COLUMN test_rating_rmse DOUBLE; -- stars
ALTER TABLE models ADD COLUMN test_rating_spearman DOUBLE; -- of predicted and given ratings, review by review
ALTER TABLE models ADD COLUMN test_title_spearman DOUBLE; -- of mean ratings, over titles with 10 reviews or more
ALTER TABLE models ADD COLUMN test_title_pearson DOUBLE; -- likewise

-- One row per model and measure of its held-out reviews: model_id, measure.
CREATE TABLE reference_measures (
    model_id VARCHAR, -- as in models
    measure VARCHAR, -- 'score', 'token_count', 'oov_rate' or 'truncated', as in scored_reviews
    reviews BIGINT NOT NULL, -- held-out reviews that were measured
    mean DOUBLE NOT NULL, -- over the held-out reviews
    critical_value DOUBLE NOT NULL, -- times (1/n + 1/reviews), the PSI that n random reviews hardly ever exceed
    PRIMARY KEY (model_id, measure)
);

-- One row per model, measure and bin of its held-out reviews: model_id, measure, bin.
CREATE TABLE reference_bins (
    model_id VARCHAR, -- as in models
    measure VARCHAR, -- as in reference_measures
    bin INTEGER, -- from 1, upwards
    lower DOUBLE NOT NULL, -- the lowest value in the bin, which ends where the next begins; -infinity for the first
    reviews BIGINT NOT NULL, -- held-out reviews in it
    PRIMARY KEY (model_id, measure, bin)
);
