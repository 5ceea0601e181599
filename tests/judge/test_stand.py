"""What approximations cost, from small tables that are made up."""

import numpy as np
import pandas as pd
import pytest

from mugi.accuracy.intervals import interval, ratio_of
from mugi.cli import main
from mugi.errors import InputError
from mugi.files import write_table
from mugi.judge.stand import COLUMNS, stand

VLP, EXACT, INT4 = "vlp:lut=10,max_exp=3", "exact", "int4:group=64"


def measured(*rows: tuple) -> pd.DataFrame:
    """Rows of accuracy.csv: softmax, woq, kvq, metric, reference, value and half an interval."""
    names = ["softmax", "woq", "kvq", "metric", "reference", "value", "half"]
    table = pd.DataFrame(rows, columns=names)
    table = table.assign(
        model="small",
        dtype="float32",
        activation=table["softmax"],
        cross_softmax="native",
        task="prose",
        documents=17,
        ci_low=table["value"] - table["half"],
        ci_high=table["value"] + table["half"],
    )
    return table.drop(columns="half")


@pytest.mark.parametrize(
    ("value", "half", "said"),
    [
        (0.004, 0.003, "told from 0"),
        (-0.004, 0.003, "told from 0"),
        (0.002, 0.003, "not told from 0"),
        (0.003, 0.003, "not told from 0"),
        (0.5, float("nan"), "one sequence, no interval"),
    ],
)
def test_what_it_says_is_where_0_lies(value, half, said):
    row = (VLP, "native", "native", "log_loss_nats_difference", EXACT, value, half)
    (found,) = stand(measured(row)).to_dict("records")
    assert found["what_it_says"] == said
    assert found["metric"] == "added_log_loss_nats"
    assert (found["value"], found["sequences"]) == (value, 17)


def test_an_approximation_on_int4_is_compared_with_exact_on_the_same_int4():
    kl = "kl_divergence_nats"
    table = stand(
        measured(
            (VLP, "native", "native", kl, EXACT, 0.004, 0.001),
            (VLP, INT4, INT4, kl, EXACT, 0.24, 0.03),
            (VLP, "native", INT4, kl, "quantised", 0.25, 0.03),
            (VLP, "int8:group=64", "mxfp4", kl, EXACT, 0.1, 0.03),
            (VLP, INT4, INT4, kl, "native", 0.9, 0.03),
        )
    )
    assert list(table["reference"]) == [
        "exact",
        "exact with the same INT4",
        "native with the same INT4",
        "exact with the same INT8 and MXFP4",
        "native",
    ]
    both = f"softmax={VLP};activation={VLP}"
    assert list(table["approximation"][:3]) == [
        both,
        f"{both};woq={INT4};kvq={INT4}",
        f"{both};kvq={INT4}",
    ]


def test_a_model_against_itself_is_no_cost():
    kl = "kl_divergence_nats"
    table = stand(
        measured(
            ("native", "native", "native", kl, "native", 0, 0),
            (EXACT, "native", "native", kl, EXACT, 0, 0),
            (EXACT, INT4, INT4, kl, EXACT, 0, 0),
            (EXACT, INT4, INT4, kl, "quantised", 0.2, 0.1),
            ("native", INT4, INT4, kl, "native", 0.9, 0.1),
            (VLP, "native", "native", "token_perplexity", "", 20, 1),
        )
    )
    assert list(table["reference"]) == ["native with the same INT4", "native"]
    assert list(table.columns) == COLUMNS


def test_features_that_agree_have_cosine_1_and_distance_0():
    row = (VLP, "native", "native", "feature_cosine", EXACT, 0.98, 0.01)
    (found,) = stand(measured(row)).to_dict("records")
    assert found["metric"] == "cosine_distance"
    expected = pytest.approx([0.02, 0.01, 0.03])
    assert [found["value"], found["low"], found["high"]] == expected


def sums(softmax: str, totals: list[float], woq: str = INT4) -> pd.DataFrame:
    """The sums of documents of one approximation, their KL divergence to the model's own."""
    table = pd.DataFrame({"document": range(len(totals)), "total": totals, "weight": [10, 20, 30]})
    reference = "native" if woq == "native" else "quantised"
    place = {"model": "small", "softmax": softmax, "activation": "native", "woq": woq}
    place |= {"cross_softmax": "native", "kvq": "native", "task": "prose"}
    return table.assign(**place, metric="kl_divergence_nats", reference=reference)


ROW = measured((VLP, INT4, "native", "kl_divergence_nats", EXACT, 0.004, 0.001))


def test_a_divergence_beyond_that_of_rounding_is_paired():
    """The interval is that of accuracy.csv, of the sums' differences."""
    exact, vlp = [1.0, 2.5, 2.0], [1.3, 3.0, 3.1]
    table = stand(ROW, [pd.concat([sums(EXACT, exact), sums(VLP, vlp)])])
    found = table.iloc[-1]
    assert found["metric"] == "kl_beyond_rounding_nats"
    assert found["reference"] == "native with the same INT4"
    differences = [here - there for here, there in zip(vlp, exact, strict=True)]
    expected = interval(*ratio_of(np.array(differences), np.array([10.0, 20.0, 30.0])))
    ends = [expected["value"], expected["ci_low"], expected["ci_high"]]
    assert [found["value"], found["low"], found["high"]] == pytest.approx(ends)
    alone = sums(EXACT, exact, "native"), sums(VLP, vlp, "native")
    assert stand(ROW, [pd.concat(alone)]).iloc[-1]["reference"] == "native"


def test_without_exact_there_is_nothing_to_be_beyond_of():
    assert len(stand(ROW, [sums(VLP, [1.0, 2.0, 3.0])])) == len(stand(ROW))


def test_documents_of_something_else_are_refused():
    both = pd.concat([sums(EXACT, [1.0, 2.0, 3.0])[1:], sums(VLP, [1.0, 2.0, 3.0])])
    with pytest.raises(InputError, match=r"small, .*prose: its documents are not those of exact"):
        stand(ROW, [both])
    with pytest.raises(InputError, match="unknown model of documents 'large'"):
        stand(ROW, [both.assign(model="large")])


def test_the_command_reads_the_table_of_accuracy_and_refuses_others(tmp_path, capsys):
    source, output = tmp_path / "accuracy.csv", tmp_path / "stand.csv"
    row = (VLP, "native", "native", "kl_divergence_nats", EXACT, 0.004, 0.001)
    write_table(measured(row), source)
    command = ["judge", "accuracy", str(source), "-o", str(output)]
    assert main(command) == 0
    assert list(pd.read_csv(output)["what_it_says"]) == ["told from 0"]
    write_table(measured(row).drop(columns="ci_low"), source)
    assert main(command) == 2
    assert "missing column 'ci_low'" in capsys.readouterr().err
    write_table(measured(row).assign(ci_high="wide"), source)
    assert main(command) == 2
    assert "row 1, ci_high: 'wide' is no number" in capsys.readouterr().err
    write_table(measured(row).assign(woq=4), source)
    assert main(command) == 2
    assert "line 2, woq: must be text, not 4" in capsys.readouterr().err
