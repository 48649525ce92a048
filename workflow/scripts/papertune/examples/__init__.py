"""What a model reads of a pair, in training, in answering and in judging alike."""
