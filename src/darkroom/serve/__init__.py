"""`darkroom serve`: a local web page and JSON endpoint for predictions of a trained model."""
