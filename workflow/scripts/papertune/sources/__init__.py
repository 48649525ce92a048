"""Where documents come from: listings by kind of source, one polite session, abstracts, the browser."""
