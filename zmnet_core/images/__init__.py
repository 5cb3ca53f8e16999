"""Pictures: reading, writing, sizes, tensors."""

from .picture import (
    SUFFIXES,
    WRITABLE,
    Picture,
    find_pictures,
    fit_short_side,
    read_picture,
    to_picture,
    to_pil,
    to_tensor,
    write_picture,
)

__all__ = [
    "SUFFIXES",
    "WRITABLE",
    "Picture",
    "find_pictures",
    "fit_short_side",
    "read_picture",
    "to_picture",
    "to_pil",
    "to_tensor",
    "write_picture",
]
