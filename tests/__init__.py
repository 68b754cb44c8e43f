"""Tests of hiwm; the folders mirror the source tree."""
