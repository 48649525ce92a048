"""A classifier that tells a study's questions from others: TF-IDF and logistic regression."""
