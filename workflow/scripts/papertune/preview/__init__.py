"""A preview of a study on a few documents, before anything large begins."""
