"""Models and test sets in the forms of other programs."""
