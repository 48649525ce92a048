"""What stands on both sides of a split: found, taken out of testing, or shown."""
