"""Every method that is named anywhere in the repository, and the paper's grids."""

import itertools
import re
from pathlib import Path

import numpy as np

from mugi.bf16 import CODES, from_bf16
from mugi.errors import InputError
from mugi.methods import parse
from mugi.methods.method import Method

ROOT = Path(__file__).parents[2]
READ = ["*.yaml", "config/*.yaml", "docs/**/*.md", "README.md", "tests/**/*.py", "figures/*.py"]
NAMED = re.compile(r"\b(?:exact|partial|(?:vlp|pwl|taylor):[a-z_]+=[\w.=,-]*\w)")
X = from_bf16(CODES)
FINITE = np.isfinite(X)
MAGNITUDE = CODES.astype(np.int64) & 0x7FFF
NEGATIVE = CODES >= 0x8000


def named() -> list[Method]:
    """All methods that files of the repository name, once each."""
    found = {}
    for pattern in READ:
        for path in sorted(ROOT.glob(pattern)):
            for text in NAMED.findall(path.read_text(encoding="utf-8")):
                try:
                    method = parse(text)
                except InputError:  # a part of an f-string, or a mistake that a test wants
                    continue
                found[str(method)] = method
    return list(found.values())


def grid(text: str, **values) -> list[Method]:
    """Methods of all combinations of `values`."""
    pairs = itertools.product(*([f"{key}={one}" for one in some] for key, some in values.items()))
    return [parse(f"{text}{','.join(pair)}") for pair in pairs]


PAPER = [
    *grid("vlp:", lut=range(8, 13), max_exp=range(-2, 5)),
    *grid("vlp:", lut=range(8, 13), min_exp=range(-8, 3)),
    *grid("vlp:underflow=keep,build=published,", lut=(8, 12), min_exp=range(-8, 3)),
    *grid("vlp:mantissa=4,", lut=(8, 16), max_exp=range(-1, 8)),
    *grid("vlp:adapt=8,", lut=(8, 12), max_exp=(3, 4)),
    *grid("pwl:", segments=range(20, 26), range=(3, 5, 7, 11, 16, 18, 20, 22, 24)),
    *grid("pwl:coefficients=fp32,", segments=range(20, 26), range=(5, 16, 24)),
    *grid("taylor:", degree=(5, 10), center=(-9, -2)),
    *grid("taylor:evaluation=horner,cutoff=error,", degree=(5, 9), center=(-9, -4, 1)),
]


def of_kind(kind: type[Method], function: str) -> list[Method]:
    """Methods of one class, those that differ in how inputs are grouped or normalised once.

    Both GELUs have the methods that are named, exp and SiLU the paper's grids too.
    """
    same = {"normalize": "divide", "group": 256, "grouping": "rows", "zeros": "skip", "leak": 16}
    methods = named() if function.startswith("gelu") else [*named(), *PAPER]
    methods = [method for method in methods if type(method) is kind]
    update = {key: value for key, value in same.items() if key in kind.model_fields}
    return list(dict.fromkeys(method.model_copy(update=update) for method in methods))
