"""Splitting work: nothing is done twice, nothing is left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mugi.errors import InputError
from mugi.shards import Shard, share

COUNTS = st.integers(1, 40)


@given(count=COUNTS, approximations=COUNTS, parts=COUNTS)
def test_all_shards_have_everything_once(count, approximations, parts):
    names = [str(number) for number in range(parts)]
    taken = [
        (approximation, part)
        for number in range(1, count + 1)
        for approximation, own in share(Shard(number, count), range(approximations), names).items()
        for part in own
    ]
    everything = {(a, p) for a in range(approximations) for p in names}
    assert len(taken) == len(everything) and set(taken) == everything


@given(count=COUNTS, rows=st.integers(0, 200))
def test_all_shards_have_every_row_in_order(count, rows):
    table = list(range(rows))
    shards = [table[Shard(number, count).rows(rows)] for number in range(1, count + 1)]
    assert [row for own in shards for row in own] == table
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_windows_are_split_before_approximations():
    """So that each job runs its references on its windows only."""
    windows = [str(number) for number in range(100)]
    shares = [share(Shard(number, 16), "abc", windows) for number in range(1, 17)]
    assert all(list(own) == ["a", "b", "c"] and len(own["a"]) in (6, 7) for own in shares)


def test_a_shard_as_text():
    assert Shard.parse("3/16") == (3, 16)
    for text in ("0/4", "5/4", "4", "a/b", "1/2/3", "-1/4", "01/4"):
        with pytest.raises(InputError, match=f"shard {text}: must be K/N, K from 1 to N"):
            Shard.parse(text)
