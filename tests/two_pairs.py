"""Two pairs in the many forms that models write, and what is read from a reply."""

import json

from papertune.generators.reading import pairs_in

Q1, A1 = "What does Tern predict?", "Tern predicts the next cache miss."
Q2, A2 = "How much energy does Tern save?", "It saves 12% of the energy."
BOTH = [(Q1, A1), (Q2, A2)]
PLAIN = json.dumps([{"question": q, "answer": a} for q, a in BOTH])


def texts_in(text, *, cut=False):
    """The pairs without what was cleaned of them."""
    return [(question, answer) for question, answer, _ in pairs_in(text, cut=cut)]
