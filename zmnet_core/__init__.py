"""ZM-Net: zero-shot image manipulation in real time."""

__version__ = "0.1.0"
