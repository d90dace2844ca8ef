"""The fetch stage: copies or downloads the archives of a source, unchanged."""
