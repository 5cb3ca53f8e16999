"""What ZM-Net is compared with: methods of the same form, photograph and painting in, picture out."""
