"""The files of platforms' exports that hold no reviews, which an archive may have beside those that do."""
