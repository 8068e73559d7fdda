"""The engine from a shell: one file for each command; `parser` lists them."""
