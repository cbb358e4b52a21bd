"""Pure pixels: bytes and arrays in, numbers and bytes out. Imports nothing of the project."""
