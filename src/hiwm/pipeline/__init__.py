"""The stages, each a function from folders to a folder."""
