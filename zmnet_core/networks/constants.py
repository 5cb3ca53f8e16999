"""What the networks have in common with those who only talk of them, such as the command line: nothing heavy here."""

RESIDUAL_BLOCKS = 5
DIN_LAYERS = 4 + RESIDUAL_BLOCKS  # the paper's nine
PALETTE_LAYER = DIN_LAYERS + 2  # after the last convolution
LAYER_GROUPS = {"detail": (1, 2, 3), "colour": (4, 5, 6, PALETTE_LAYER), "texture": (7, 8, 9)}  # Fig. 7
AS_IT_IS = 0.5  # how boldly a PNet that cannot be told lets paint: between faithful (0) and bold (1)
STYLE_SIZE = 256  # px, short side at which the bundled models have seen paintings
