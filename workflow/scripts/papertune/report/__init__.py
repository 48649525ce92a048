"""Tables, figures and the page, made from the matrix."""
