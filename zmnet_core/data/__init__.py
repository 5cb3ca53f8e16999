"""Pictures for training: where they are, how they are read, which a step sees."""
