"""Scripted operators, which stand in for a person at the console, through the same commands."""
