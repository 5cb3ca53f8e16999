"""How a style is made and how a picture is painted with it."""
