"""The best methods of a sweep."""

import pytest

from mugi.analysis.select import family_of, selected
from mugi.errors import InputError
from mugi.methods import parse

SWEEP = """model,softmax,activation,woq,metric,value,reference
a,native,native,native,kl_divergence_nats,0,exact
a,"vlp:lut=8,max_exp=1",native,native,kl_divergence_nats,0.2,exact
a,"vlp:lut=8,max_exp=2",native,native,kl_divergence_nats,0.1,exact
a,"vlp:lut=8,max_exp=2",native,native,token_perplexity,0.01,exact
a,"vlp:lut=8,max_exp=3","vlp:lut=8,max_exp=3",native,kl_divergence_nats,0.001,exact
a,"vlp:lut=8,max_exp=4",native,int4:group=64,kl_divergence_nats,0.002,exact
a,"vlp:lut=8,max_exp=6,adapt=4",native,native,kl_divergence_nats,0.3,exact
a,"taylor:degree=5,center=-4",native,native,kl_divergence_nats,0.4,exact
a,exact,partial,native,kl_divergence_nats,0.4,exact
b,"vlp:lut=9,max_exp=2",native,native,kl_divergence_nats,0.01,exact
a,"vlp:lut=8,max_exp=-2",native,native,kl_divergence_nats,0.00001,native
"""


def test_a_sweep_selects_the_closest_of_each_kind_of_its_first_model(tmp_path):
    path = tmp_path / "sweep.csv"
    path.write_text(SWEEP)
    expected = ["vlp:lut=8,max_exp=2", "vlp:lut=8,max_exp=6,adapt=4", "taylor:degree=5,center=-4"]
    assert selected(path, "exp") == [parse(text) for text in expected]
    assert selected(path, "gelu") == [parse("partial")]
    path.write_text(SWEEP.replace("partial", "exact"))
    with pytest.raises(InputError, match="only activation is approximated"):
        selected(path, "silu")
    path.write_text("model,softmax,activation,metric,reference,value\na,1,native,m,exact,1.0\n")
    with pytest.raises(InputError, match="line 2, softmax: must be text, not 1"):
        selected(path, "exp")


def test_kinds_of_methods():
    assert family_of(parse("vlp:lut=8,max_exp=3")) == "vlp"
    assert family_of(parse("vlp:lut=8,max_exp=3,adapt=1")) == "adaptive_vlp"
    assert family_of(parse("partial")) == "partial"
