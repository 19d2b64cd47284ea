"""Sums over predictions and their ground truth, and the figures that follow from them."""
