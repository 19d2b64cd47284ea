"""Predictions with their ground truth, written to files for other programs."""
