"""Arithmetic from YAML: parsed once, by a whitelist, and evaluated on numbers and arrays."""

import ast
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from mugi.errors import InputError, unknown


def _power(base: object, exponent: object) -> object:
    """Raise as floats, which overflow where whole numbers would take forever."""
    return np.power(np.asarray(base, float), exponent)


OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
    ast.USub: operator.neg,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
FUNCTIONS = {
    "ceil": np.ceil,
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

        Raises InputError where numbers divide by zero; arrays then hold values that are not finite,
        which `checked` looks for.
        """
        try:
            return self.function(symbols)
        except ZeroDivisionError as error:
            raise InputError(f"{self.where}: '{self.text}' divides by zero") from error
        except TypeError as error:
            raise InputError(f"{self.where}: '{self.text}' is not arithmetic: {error}") from error

    def checked(self, value):
        """Return the expression's value; raises InputError if any of it is not finite."""
        if not isinstance(value, str) and not np.isfinite(np.sum(value)):
            raise InputError(f"{self.where}: '{self.text}' divides by zero or is not finite")
        return value


def parse(value: object, where: str) -> Expression:
    """Parse a number or the text of an expression found at `where` (file and key).

    Allowed are numbers, quoted text, names, + - * / % **, comparisons, `and`, `or`, `a if b else c`
    and the functions ceil, floor, log2, min and max of two.
    """
    text = str(value)
    try:
        tree = ast.parse(text, mode="eval").body
        function = _build(tree)
    except (SyntaxError, ValueError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else error
        raise InputError(f"{where}: '{text}' is not an arithmetic expression: {reason}") from error
    calls = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = (n for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in calls)
    return Expression(text, where, frozenset(node.id for node in names), function)


def check_names(expression: Expression, known: Iterable[str]) -> list[str]:
    """Return a line for each name of the expression that is not one of `known`."""
    known = set(known)
    return [
        f"{expression.where}: {unknown('symbol', name, sorted(known))}"
        for name in sorted(expression.names - known)
    ]


def _build(node: ast.AST) -> Callable[[Symbols], object]:
    match node:
        case ast.Constant(value=int() | float() | str() as value):
            return lambda symbols: value
        case ast.Name(id=name):
            return lambda symbols: symbols[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return _binary(OPERATORS[type(op)], _build(left), _build(right))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in OPERATORS:
            return _binary(OPERATORS[type(op)], _build(left), _build(right))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _build(operand)
            return lambda symbols: -inner(symbols)
        case ast.BoolOp(op=op, values=[left, right]):
            combine = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return _binary(combine, _build(left), _build(right))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _conditional(_build(test), _build(body), _build(orelse))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
            parts = [_build(arg) for arg in args]
            if len(parts) != FUNCTIONS[name].nin:
                raise ValueError(f"{name} takes {FUNCTIONS[name].nin} values")
            return lambda symbols: FUNCTIONS[name](*(part(symbols) for part in parts))
    raise ValueError(f"'{ast.unparse(node)}' is not allowed")


def _binary(function, left, right):
    return lambda symbols: function(left(symbols), right(symbols))


def _conditional(test, body, orelse):
    def choose(symbols):
        condition = test(symbols)
        if np.ndim(condition) == 0:
            return body(symbols) if condition else orelse(symbols)
        return np.where(condition, body(symbols), orelse(symbols))

    return choose
