"""What a training run makes small."""
