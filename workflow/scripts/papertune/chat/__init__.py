"""Chat with a model of an experiment and with its base, side by side."""
