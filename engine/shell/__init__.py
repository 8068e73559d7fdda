"""The engine from a shell: one file a command; `parser` lists them."""
