"""The same training with other seeds, as DVC experiments: how far its figures spread."""
