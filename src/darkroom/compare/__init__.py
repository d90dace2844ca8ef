"""Comparison of two runs on the same test images: which is better, and whether the difference is real."""
