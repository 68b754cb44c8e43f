"""Measuring outside the models: success, intervals, agreement, reports."""
