"""How good pictures are, beside those of other methods."""
