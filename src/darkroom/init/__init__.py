"""`darkroom init`: looks at a folder or an archive of images, and proposes a params.yaml for it."""
