"""The built-in sites: a venue of generated papers with its archive, and an encyclopaedia."""
