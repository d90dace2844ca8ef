"""The model card of a finished run: a Markdown page with the front matter of the Hugging Face hub."""
