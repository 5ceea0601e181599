"""Every family under every operation: exact is the untouched model but for BF16, VLP is not, and
what is left out says so."""

import re
from pathlib import Path

import pytest
import torch

import mugi
from mugi.errors import InputError
from tests.llm.families import FAMILIES, MORE, REFUSED, built, distance, logits

pytestmark = pytest.mark.usefixtures("one_thread")

PAGE = Path(__file__).parents[2] / "docs/reference/families.md"
TOKENS = torch.randint(3, 60, (1, 16), generator=torch.Generator().manual_seed(1))
OPERATIONS = {
    "softmax": ["exact", "vlp:lut=3,max_exp=0,mantissa=1"],
    "activation": ["exact", "vlp:lut=3,max_exp=0,mantissa=1"],
    "woq": ["int4:group=16"],
    "kvq": ["int4:group=4"],
}
ROUNDING = 0.01
REROUTED = 0.04  # where numbers are rounded, a router of experts may choose another one


def check(family: str) -> None:
    """Run a family under every operation, and compare with the untouched model."""
    model = built(family)
    native = logits(model, TOKENS)
    rounding = REROUTED if "experts" in str(model) or "Expert" in str(model) else ROUNDING
    for operation, methods in OPERATIONS.items():
        line = REFUSED.get(family, {}).get(operation)
        if line:
            text = f"{operation}={methods[0]}"
            with pytest.raises(InputError, match=line) as error, mugi.emulated(model, text):
                pass
            assert len(error.value.mistakes) == 1
            continue
        gaps = []
        for method in methods:
            with mugi.emulated(model, f"{operation}={method}"):
                gaps.append(distance(logits(model, TOKENS), native))
        if len(gaps) > 1:
            exact, vlp = gaps
            assert 0 < exact < rounding, operation
            assert vlp > max(2 * exact, 0.004), operation
        else:
            assert 0.003 < gaps[0] < 1, operation
    assert torch.equal(logits(model, TOKENS), native)


@pytest.mark.parametrize("family", FAMILIES)
def test_family(family):
    check(family)


@pytest.mark.slow
@pytest.mark.parametrize("family", MORE)
def test_another_family(family):
    check(family)


def test_the_page_says_what_is_tested():
    """Rows of docs/reference/families.md: what is refused, family by family."""
    page = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(.+)` \| (.+) \| (.+) \| (.+) \| (.+) \|$", page, re.MULTILINE)
    said = {family: [not cell.startswith("no") for cell in cells] for family, *cells in rows}
    assert said == {
        family: [operation not in REFUSED.get(family, {}) for operation in OPERATIONS]
        for family in FAMILIES | MORE
    }
