"""Arithmetic from YAML: parsed once, by a whitelist, and evaluated on numbers, arrays and Series.

Files with expressions may come from strangers, so an expression can neither run anything else nor
take long: its text, its depth, its numbers and its exponents are bounded, and text is for
comparisons only.
"""

import ast
import operator
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from mugi.errors import InputError, Mistake, unknown

LONGEST_TEXT = 1000  # characters
DEEPEST_NESTING = 50
LARGEST_NUMBER = 1e18
LARGEST_EXPONENT = 64


def _power(base, exponent):
    """Raise as floats, which overflow where whole numbers would take forever."""
    if np.any(np.abs(exponent) > LARGEST_EXPONENT):
        raise OverflowError(f"an exponent above {LARGEST_EXPONENT}")
    with np.errstate(over="ignore"):
        power = np.power(base * 1.0, exponent)
    if np.ndim(power) == 0 and np.isinf(power) and np.isfinite(base):
        raise OverflowError("a power that is not finite")
    return power


ARITHMETIC = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
    ast.USub: operator.neg,
    ast.And: np.logical_and,
    ast.Or: np.logical_or,
}
COMPARISONS = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
FUNCTIONS = {
    "abs": np.absolute,
    "ceil": np.ceil,
    "exp": np.exp,
    "floor": np.floor,
    "log2": np.log2,
    "min": np.minimum,
    "max": np.maximum,
}
Symbols = Mapping[str, object]


@dataclass(frozen=True)
class Expression:
    """A parsed expression: its text, where it stands, and the names it needs."""

    text: str
    where: str
    names: frozenset[str]
    function: Callable[[Symbols], object]

    def __call__(self, symbols: Symbols):
        """Return the value, a number, text or an array, given a value for every name.

        Raises InputError where numbers divide by zero, grow too large or are no numbers; arrays
        then hold values that are not finite, which `checked` looks for.
        """
        try:
            return self.function(symbols)
        except ZeroDivisionError:
            raise self._error("divides by zero") from None
        except TypeError as error:
            raise self._error(f"is not arithmetic: {error}") from None
        except OverflowError as error:
            raise self._error(f"divides by zero or is not finite: {error}") from None

    def checked(self, value):
        """Return the expression's value; raises InputError if any number of it is not finite."""
        if not _is_text(value) and not np.isfinite(np.sum(value)):
            raise self._error("divides by zero or is not finite")
        return value

    def number(self, symbols: Symbols, least: float = 0):
        """Return the value; raises InputError if it is text, not finite or below `least`."""
        with np.errstate(all="ignore"):
            value = self(symbols)
        if _is_text(value) or np.any(self.checked(value) < least):
            bound = f" of at least {least:g}" if np.isfinite(least) else ""
            raise self._error(f"must be a number{bound}")
        return value

    def _error(self, what: str) -> InputError:
        return InputError(Mistake(f"{_quoted(self.text)} {what}", self.where))


def parse(value: object, where: str) -> Expression:
    """Parse a number or the text of an expression found at `where` (file and key).

    Allowed are numbers, names, + - * / % **, comparisons, `and`, `or`, `a if b else c`, quoted text
    to compare with, and the functions abs, ceil, exp, floor, log2, and min and max of two.
    """
    text = str(value)
    try:
        if isinstance(value, bool):  # yes and no of YAML
            raise ValueError("a number is needed")
        if len(text) > LONGEST_TEXT:
            raise ValueError(f"longer than {LONGEST_TEXT} characters")
        with warnings.catch_warnings(action="ignore"):  # of Python's parser, about `1if a else b`
            tree = ast.parse(text, mode="eval").body
        function = _build(tree, text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else error
        if isinstance(error, RecursionError | MemoryError):  # of Python's own parser
            reason = "nested too deep"
        what = f"{_quoted(text)} is not an arithmetic expression: {reason}"
        raise InputError(Mistake(what, where)) from None
    calls = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = (n for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in calls)
    return Expression(text, where, frozenset(node.id for node in names), function)


def check_names(expression: Expression, known: Iterable[str]) -> list[Mistake]:
    """Return a mistake for each name of the expression that is not one of `known`."""
    known = set(known)
    return [
        unknown("symbol", name, sorted(known)).at(expression.where)
        for name in sorted(expression.names - known)
    ]


def _build(node: ast.AST, text: str, depth: int = 0) -> Callable[[Symbols], object]:
    """Return a function of the symbols for one node of the tree of `text`."""
    if depth > DEEPEST_NESTING:
        raise ValueError("nested too deep")

    def inner(*nodes):
        return [_build(node, text, depth + 1) for node in nodes]

    match node:
        case ast.Constant(value=str() as value):
            return lambda symbols: value
        case ast.Constant(value=int() | float() as value):
            if abs(value) > LARGEST_NUMBER:
                raise ValueError(f"a number above {LARGEST_NUMBER:g}")
            return lambda symbols: value
        case ast.Name(id=name):
            return lambda symbols: symbols[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            return _arithmetic(ARITHMETIC[type(op)], *inner(left, right))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARISONS:
            return _applied(COMPARISONS[type(op)], *inner(left, right))
        case ast.UnaryOp(op=ast.USub() as op, operand=operand):
            return _arithmetic(ARITHMETIC[type(op)], *inner(operand))
        case ast.BoolOp(op=op, values=[left, right]):
            return _arithmetic(ARITHMETIC[type(op)], *inner(left, right))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _conditional(*inner(test, body, orelse))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
            if len(args) != FUNCTIONS[name].nin:
                raise ValueError(f"{name} takes {FUNCTIONS[name].nin} values")
            return _arithmetic(FUNCTIONS[name], *inner(*args))
    raise ValueError(f"{_quoted(ast.get_source_segment(text, node) or text)} is not allowed")


def _applied(function, *operands):
    return lambda symbols: function(*[operand(symbols) for operand in operands])


def _arithmetic(function, *operands):
    """Return `function` of the operands' values, none of which may be text."""

    def calculate(symbols):
        values = [operand(symbols) for operand in operands]
        if any(map(_is_text, values)):
            raise TypeError("text where a number is needed")
        result = function(*values)
        if type(result) is int and abs(result) > LARGEST_NUMBER:
            return float(result)  # whole numbers would grow without end
        return result

    return calculate


def _is_text(value: object) -> bool:
    """Return whether a value is text or an array that may hold some (of numpy's kinds O, S, U)."""
    return isinstance(value, str) or getattr(getattr(value, "dtype", None), "kind", "f") in "OSU"


def _conditional(test, body, orelse):
    def choose(symbols):
        condition = test(symbols)
        if np.ndim(condition) == 0:
            return body(symbols) if condition else orelse(symbols)
        chosen = np.where(condition, body(symbols), orelse(symbols))
        is_series = hasattr(condition, "index")
        return type(condition)(chosen, condition.index) if is_series else chosen

    return choose


def _quoted(text: str) -> str:
    """Return text in quotes, cut where a line would become unreadable."""
    text = " ".join(text.split())
    return f"'{text}'" if len(text) <= 200 else f"'{text[:200]}…'"
