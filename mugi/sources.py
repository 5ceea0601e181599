"""Which of the project's files a rule's command is made of.

Snakemake does not notice edits of imported modules, so that rules list them as inputs. They are
found by following `import` statements, in functions too, from a command's module or script.
"""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent


def sources(start: str, *data: str) -> list[str]:
    """Return the files behind a module (`mugi.carbon`) or script (`figures/fig16.py`), sorted.

    `data` are glob patterns of packaged files that the code reads. Paths are relative to the
    project. `mugi/cli.py` is left out: it only dispatches. Raises FileNotFoundError if the start
    or the files of a pattern are not there.
    """
    first = [ROOT / start] if start.endswith(".py") else _files_of(start)
    if not first or not all(path.is_file() for path in first):
        raise FileNotFoundError(f"no module or script '{start}'")
    found, waiting = set(), list(first)
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imported(path)
    beside = [path.with_suffix(".yaml") for path in found]  # such as mugi/carbon.yaml
    found.update(path for path in beside if path.is_file())
    for pattern in data:
        matches = [path for path in ROOT.glob(pattern) if path.is_file()]
        if not matches:
            raise FileNotFoundError(f"no file matches '{pattern}'")
        found.update(matches)
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


@cache
def _imported(path: Path) -> list[Path]:
    """Return the project's files that the statements of one file import."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            found += _files_of(name) or _beside(path, name)
    return found


def _files_of(module: str) -> list[Path]:
    """Return the file of a `mugi` module with the `__init__.py` of its packages, or nothing."""
    parts = module.split(".")
    own = [ROOT.joinpath(*parts, "__init__.py"), ROOT.joinpath(*parts).with_suffix(".py")]
    own = [path for path in own if path.is_file()]
    if parts[0] != "mugi" or not own:
        return []
    return [ROOT.joinpath(*parts[:end], "__init__.py") for end in range(1, len(parts))] + own


def _beside(path: Path, module: str) -> list[Path]:
    """Return a script's helper in the same folder."""
    helper = path.with_name(f"{module}.py")
    return [helper] if helper.is_file() else []
