"""Model folders: loading, 4-bit quantization, cards, download, export."""
