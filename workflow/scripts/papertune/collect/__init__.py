"""Collect documents and their texts from a source."""
