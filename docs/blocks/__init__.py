"""What the pages quote of tables and of the code, a module a subject."""
