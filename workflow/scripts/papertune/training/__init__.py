"""Training: on pairs by every method, and of bases from scratch; by one process or several."""
