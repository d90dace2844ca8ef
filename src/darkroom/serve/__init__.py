"""`darkroom serve`: a small web page and JSON endpoint on this computer, asking a trained model about pictures."""
