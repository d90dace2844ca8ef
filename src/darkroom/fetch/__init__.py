"""The fetch stage: the archives of a source, brought to disk as they came."""
