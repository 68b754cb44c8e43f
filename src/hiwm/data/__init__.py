"""Datasets in and out, through the lerobot library, and fast windows over them."""
