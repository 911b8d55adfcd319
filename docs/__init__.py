"""The pages for readers, and the code that makes parts of them: `make docs`."""
