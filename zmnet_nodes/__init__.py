"""The ComfyUI nodes of ZM-Net."""
