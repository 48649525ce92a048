"""Web requests that are polite, safe and cached."""
