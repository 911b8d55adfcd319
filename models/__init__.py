"""The models: tokenizer, variants, training, evaluation, bundles and the scorer."""
