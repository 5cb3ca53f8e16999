"""Prompts that several tests begin with."""

from __future__ import annotations


def scaled(width: int, height: int) -> dict:
    """The photograph in another size."""
    inputs = {"image": ["photo", 0], "upscale_method": "bilinear", "width": width, "height": height, "crop": "disabled"}
    return {"class_type": "ImageScale", "inputs": inputs}


def chain(model: str = "tiny", image: str = "colosseum.jpg", **apply: object) -> dict:
    """Load, encode, apply, save."""
    return {
        "load": {"class_type": "ZMNetLoad", "inputs": {"model": model}},
        "painting": {"class_type": "LoadImage", "inputs": {"image": "irises-van-gogh.jpg"}},
        "photo": {"class_type": "LoadImage", "inputs": {"image": image}},
        "encode": {
            "class_type": "ZMNetEncodeStyle",
            "inputs": {"model": ["load", 0], "image": ["painting", 0], "batch": "average", "style_size": 256},
        },
        "apply": {
            "class_type": "ZMNetApply",
            "inputs": {
                "image": ["photo", 0],
                "style": ["encode", 0],
                "strength": 1.0,
                "detail": True,
                "colour": True,
                "texture": True,
                "keep_colour": False,
                "tile": "auto",
                **apply,
            },
        },
        "save": {"class_type": "SaveImage", "inputs": {"images": ["apply", 0], "filename_prefix": "test"}},
    }
