"""Extract texts from pages, PDFs, posts and API answers."""
