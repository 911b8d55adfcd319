"""What is learnt: text to ids, the variants, training, evaluation, the bundle and the scorer."""
