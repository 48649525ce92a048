"""From a source to documents with their texts."""
