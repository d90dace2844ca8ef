"""Pictures: the bytes of one file become the pixels of one image."""
