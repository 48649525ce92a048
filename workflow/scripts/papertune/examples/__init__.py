"""What a model reads of a pair: the same in training, answering and judging."""
