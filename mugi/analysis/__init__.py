"""How far approximations are off, on every input and on what models see, and their search."""
