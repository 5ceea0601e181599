"""The documentation: pages, and what fills in their numbers."""
