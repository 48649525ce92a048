"""Texts on both sides of a split: found, removed from testing, or reported."""
