"""Training on pairs by every method, and pre-training from scratch; in one process or several."""
