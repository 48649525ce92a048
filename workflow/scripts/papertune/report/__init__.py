"""From the matrix to tables, figures and the page."""
