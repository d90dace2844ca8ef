"""`darkroom predict`: what a trained model says of new pictures."""
