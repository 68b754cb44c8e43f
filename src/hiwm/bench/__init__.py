"""Benchmarks: every figure that hiwm states comes from here."""
