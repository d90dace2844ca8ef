"""Tests every image once, by a run for each fold, and pools what they predict."""
