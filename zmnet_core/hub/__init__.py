"""Where models are: bundled, in a folder, on the Hugging Face Hub."""
