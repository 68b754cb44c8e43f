"""Learns what the next picture, robot state and progress will be, and serves it as a dynamics."""
