"""Source files in folders that others write to: finding, identifying and opening them."""
