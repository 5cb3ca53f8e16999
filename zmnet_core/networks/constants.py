"""What the networks have in common with those who only talk of them, such as the command line: nothing heavy here."""

RESIDUAL_BLOCKS = 5
DIN_LAYERS = 4 + RESIDUAL_BLOCKS  # the paper's nine
PALETTE_LAYER = DIN_LAYERS + 2  # after the last convolution
# As Fig. 7 of the paper groups them, under names that `evaluation.layer_effects` has found true.
LAYER_GROUPS = {"detail": (1, 2, 3), "weave": (4, 5, 6), "tones": (7, 8, 9, PALETTE_LAYER)}
FORMER_GROUPS = {"colour": "weave", "texture": "tones"}  # the paper's names, which these models do not bear out
AS_IT_IS = 0.5  # how boldly a PNet that cannot be told lets paint: between faithful (0) and bold (1)
STYLE_SIZE = 256  # px, short side at which the bundled models have seen paintings
