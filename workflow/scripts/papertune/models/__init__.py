"""Model folders: loading, 4 bit, cards, download, export."""
