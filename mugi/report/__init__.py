"""The report: pages and one Markdown file, from the tables of a folder of results alone."""
