"""The exact function in BF16: the control for every approximation."""

from typing import Literal

from mugi.methods.functions import exact_table
from mugi.methods.method import Method
from mugi.methods.tables import TableStack


class Exact(Method):
    """The exact function, correctly rounded to BF16."""

    name: Literal["exact"] = "exact"

    def stack(self, function: str) -> TableStack:
        return TableStack.single(exact_table(function))
