"""The decode stage: archives in, pixels of one size and their labels out."""
