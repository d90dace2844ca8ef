"""`darkroom predict`: predictions of a trained model for new images."""
