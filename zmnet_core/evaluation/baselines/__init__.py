"""What ZM-Net is compared with: methods of the same form, photograph and painting in, picture out; and (cin, fst,
concatenation) networks that are trained as it is, with another way to tell them of the style.
"""
