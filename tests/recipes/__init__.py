"""Tests of hiwm.recipes."""
