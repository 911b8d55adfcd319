"""What all commands share of the console: their arguments, their output, and the messages of errors."""
