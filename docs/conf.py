"""How Sphinx builds these pages: `make docs`."""

from importlib.metadata import version as version_of

project = "mugi-repro"
author = copyright = "the authors of mugi-repro"
version = release = version_of(project)

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
nitpicky = True
html_theme = "furo"
html_title = "mugi-repro"

myst_heading_anchors = 4
myst_enable_extensions = ["deflist"]

autodoc_typehints = "description"
# types of other packages, of which there are no pages here
nitpick_ignore_regex = [
    ("py:.*", r"(pd|pandas|np|numpy|torch|transformers|pathlib|collections|mugi)\b.*")
]
nitpick_ignore_regex += [("py:.*", r"(Path|Callable|Iterable|Iterator|Mapping|Sequence|optional)")]
