"""From answers to the matrix."""
