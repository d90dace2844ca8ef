"""The split stage: which image is in train, validation or test, and the normalization fitted on train."""
