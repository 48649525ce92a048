"""Models answer the questions of a test set."""
