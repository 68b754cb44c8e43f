"""Tests of hiwm.evaluation."""
