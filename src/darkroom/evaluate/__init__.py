"""The evaluate stage: what the model predicts on images it has not seen, measured."""
