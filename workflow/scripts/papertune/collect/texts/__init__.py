"""How a text is found in what a site gave."""
