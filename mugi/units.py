"""Units of result columns, by their names, and of the arithmetic of claims.

A column ends with its unit (`area_mm2`, `tokens_per_s_per_j`); what ends otherwise has none that
is known, and neither has arithmetic with it.
"""

import ast
import math
import re
import warnings
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Unit:
    """A product of base units: `scale` of them, to the powers of `powers`."""

    scale: float
    powers: frozenset[tuple[str, int]] = frozenset()

    def times(self, other: "Unit", sign: int = 1) -> "Unit":
        """Return this times another, or over it where `sign` is -1."""
        powers = Counter(dict(self.powers))
        for name, power in other.powers:
            powers[name] += sign * power
        kept = frozenset((name, power) for name, power in powers.items() if power)
        return Unit(self.scale * other.scale**sign, kept)

    def is_same(self, other: "Unit") -> bool:
        """Return whether numbers of both can be added."""
        return self.powers == other.powers and abs(self.scale / other.scale - 1) < 1e-9

    def __str__(self) -> str:
        names = [name + (f"^{power}" if power != 1 else "") for name, power in sorted(self.powers)]
        scale = [f"{self.scale:g}"] if self.scale != 1 or not names else []
        return " ".join(scale + names)


ONE = Unit(1.0)


UNITS = {
    name: Unit(1.0, frozenset({(name, 1)}))
    for name in ["s", "J", "mm", "mm^2", "token", "cycle", "byte", "op", "kgCO2e"]
} | {"x": ONE}


def unit_of(text: str) -> Unit | None:
    """Return the unit that a claim states, such as `tokens/s/W`; None if one part is unknown."""
    parts = re.sub(r"\(.*", "", text).strip().split("/")
    if any(part not in UNITS for part in parts):
        return None
    unit, *below = (UNITS[part] for part in parts)
    for part in below:
        unit = unit.times(part, -1)
    return unit


# more units by name, each a number of those before it
SCALED = [
    ("ms us ns", [1e-3, 1e-6, 1e-9], "s"),
    ("kJ MJ kWh mJ uJ nJ pJ", [1e3, 1e6, 3.6e6, 1e-3, 1e-6, 1e-9, 1e-12], "J"),
    ("W", [1.0], "J/s"),
    ("mW", [1e-3], "W"),
    ("MHz GHz", [1e6, 1e9], "cycle/s"),
    ("um^2 mm2 mm²", [1e-6, 1.0, 1.0], "mm^2"),
    ("nm", [1e-6], "mm"),
    ("tokens", [1.0], "token"),
    ("cycles", [1.0], "cycle"),
    ("bytes GB", [1.0, 1e9], "byte"),
    ("Gop", [1e9], "op"),
    ("kg g gCO2e", [1.0, 1e-3, 1e-3], "kgCO2e"),
    ("% times", [0.01, 1.0], "x"),
]
for _names, _scales, _unit in SCALED:
    for _name, _scale in zip(_names.split(), _scales, strict=True):
        UNITS[_name] = Unit(_scale).times(unit_of(_unit))
# endings of columns: these in lower case; mj is MJ in one table, mJ in none
ENDINGS = {"mm2": "mm^2", "um2": "um^2", "percent": "%"}
OTHERS = ("mJ", "mm", "x", "times")
ENDINGS |= {name.lower(): name for name in UNITS if name.isalnum() and name not in OTHERS}
CONVERSIONS = {60, 3600, 3.6e6, *(10.0**power for power in range(-15, 16) if abs(power) > 1)}
SEVERAL = {"gb_s": "GB/s"}


def unit_of_column(name: str) -> Unit | None:
    """Return the unit that ends a column's name; None if it has none that is known."""
    above, *below = name.split("_per_")
    joined = next((unit for end, unit in SEVERAL.items() if above.endswith(f"_{end}")), "")
    endings = [joined or ENDINGS.get(above.rpartition("_")[2], "?")]
    endings += [ENDINGS.get(part.partition("_")[0], "?") for part in below]
    return unit_of("/".join(endings))


def unit_of_arithmetic(text: str) -> Unit | None:
    """Return the unit of an expression's value; None if that cannot be told.

    Factors such as 1e9 are conversions: `energy_nj / 1e9` is in J. Raises ValueError for a sum or
    a comparison of different units.
    """
    with warnings.catch_warnings(action="ignore"):  # of Python's parser, about `1if a else b`
        tree = ast.parse(text.strip(), mode="eval").body
    try:
        unit = _of(tree)
    except ArithmeticError:  # factors beyond the numbers there are, as below
        return None
    return unit if unit and 0 < unit.scale < math.inf else None


def _of(node: ast.AST) -> Unit | None:
    match node:
        case ast.Constant(value=int() | float() as value):
            return Unit(1 / value) if value in CONVERSIONS else ONE
        case ast.Name(id=name):
            return unit_of_column(name)
        case ast.UnaryOp(operand=operand):
            return _of(operand)
        case ast.BinOp(left=left, op=ast.Mult() | ast.Div() as op, right=right):
            one, other = _of(left), _of(right)
            sign = 1 if isinstance(op, ast.Mult) else -1
            return one.times(other, sign) if one and other else None
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int() as power)):
            unit = _of(left)
            powers = unit and frozenset((name, power * n) for name, n in unit.powers if power)
            return unit and Unit(unit.scale**power, powers)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
            return _same(left, right)
        case ast.Compare(left=left, comparators=[right]):
            _same(left, right)
        case ast.BoolOp(values=[one, other]):
            _of(one), _of(other)
        case ast.IfExp(test=test, body=one, orelse=other):
            _of(test)
            return _same(one, other)
        case ast.Call(func=ast.Name(id="abs"), args=[argument]):
            return _of(argument)
        case ast.Call(func=ast.Name(id="min" | "max"), args=[one, other]):
            return _same(one, other)
    return None


def _same(one: ast.AST, other: ast.AST) -> Unit | None:
    """Return the unit of two things that are added; a plain number goes with any."""
    plain = [node for node in (one, other) if not isinstance(node, ast.Constant)]
    units = [_of(node) for node in plain]
    if len(units) == 2 and all(units) and not units[0].is_same(units[1]):
        texts = [ast.unparse(node) for node in plain]
        raise ValueError(f"{texts[0]} ({units[0]}) and {texts[1]} ({units[1]}) have not one unit")
    return units[0] if units and all(units) else None
