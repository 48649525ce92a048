"""Scoring of answers, statistics, and the matrix."""
