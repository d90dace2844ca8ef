"""The command `darkroom export`: the trained model for runtimes other than Keras, checked against Keras."""
