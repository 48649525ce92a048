"""What writes pairs about documents, and how what was written is read and judged."""
