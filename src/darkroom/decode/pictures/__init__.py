"""Image decoding: from the bytes of one file to the pixels of one image."""
