"""Reads from a picture what a simulator would know: where the object and the hands are, and whether it is whole."""
