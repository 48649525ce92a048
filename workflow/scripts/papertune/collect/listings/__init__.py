"""Who lists the documents of a field."""
