"""Tells the questions of a study from others: TF-IDF and logistic regression."""
