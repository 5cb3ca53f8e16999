"""Words and palettes: PNets that read vectors, taught what a model of pictures paints for the pictures of a word."""
