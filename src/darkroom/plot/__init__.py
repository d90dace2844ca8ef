"""The plot stage: figures, and one report that shows it all."""
