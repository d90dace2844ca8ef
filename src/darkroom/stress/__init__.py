"""The command `darkroom stress`: how accurate the model stays on test images that are disturbed or attacked."""
