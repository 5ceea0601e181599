"""Errors of the search against looking every input up."""

import numpy as np
import pandas as pd
import pytest

from mugi.analysis.distribution import MASKED, Inputs
from mugi.analysis.search import ERRORS, KL, Placements, surface
from mugi.bf16 import CODES, from_bf16, to_bf16
from mugi.methods import FUNCTIONS, parse
from mugi.methods.grid import expand
from mugi.methods.tables import look_up, pick_alone
from tests.analysis.inputs import ACTIVATION, SOFTMAX, activation_inputs, scores, softmax_inputs


def outputs(inputs: Inputs, text: str) -> tuple[np.ndarray, np.ndarray]:
    """Return input and output codes of a method, tile by tile, by the numpy reference."""
    stack = parse(text).stack(inputs.function)
    if inputs.operation == "softmax":
        return inputs.codes, np.stack(
            [look_up(stack, tile, tile != MASKED) for tile in inputs.codes]
        )
    return inputs.codes, look_up(stack, inputs.codes.T).T


def value(table: pd.DataFrame, method: str, error: str, layer: str = "all") -> float:
    rows = table[(table["method"] == str(parse(method))) & (table["error"] == error)]
    return rows.loc[rows["layer"] == layer, "value"].item()


@pytest.mark.parametrize(
    ("inputs", "methods"), [(softmax_inputs(), SOFTMAX), (activation_inputs(), ACTIVATION)]
)
def test_errors_are_those_of_looking_every_input_up(inputs, methods):
    table = surface([inputs], [parse(text) for text in methods], list(ERRORS), True, 8)
    for text in methods:
        codes, answers = outputs(inputs, text)
        seen = codes != MASKED
        exact = FUNCTIONS[inputs.function](from_bf16(codes[seen]))
        wrong = np.abs(from_bf16(answers[seen]) - exact)
        assert value(table, text, "weighted_absolute_error") == pytest.approx(
            wrong.mean(), rel=1e-12
        )
        assert value(table, text, "maximum_absolute_error") == wrong.max()
        by_code = pd.Series(wrong).groupby(codes[seen]).mean()
        assert value(table, text, "mean_absolute_error") == pytest.approx(by_code.mean(), rel=1e-12)
        for error in set(table["error"]):
            assert value(table, text, error) == value(table, text, error, "0")


@pytest.mark.parametrize("text", SOFTMAX)
def test_divergence_is_that_of_the_rows_computed_one_by_one(text):
    inputs = softmax_inputs()
    table = surface([inputs], [parse(text)], [KL], False, 10**6)
    codes, answers = outputs(inputs, text)
    found = []
    for row, answer in zip(codes.reshape(-1, 40), answers.reshape(-1, 40), strict=True):
        seen = row != MASKED
        score, exponential = from_bf16(row[seen]), from_bf16(answer[seen])
        total = from_bf16(to_bf16(exponential.astype(np.float32).sum()))
        if parse(text).normalize == "reciprocal":
            q = exponential * from_bf16(to_bf16(1 / total))
        else:
            q = exponential / total
        q = np.maximum(from_bf16(to_bf16(q)), 0)
        p = np.exp(score) / np.exp(score).sum()
        with np.errstate(divide="ignore", invalid="ignore"):
            found.append(np.where(q > 0, q * np.log(q / p), 0).sum() - q.sum() + p.sum())
    assert value(table, text, KL) == pytest.approx(np.mean(found), rel=1e-3, abs=1e-9)


def test_divergence_takes_rows_from_all_over_and_no_more_than_there_are():
    whole = surface([softmax_inputs()], [parse(SOFTMAX[1])], [KL], False, 768)
    some = surface([softmax_inputs()], [parse(SOFTMAX[1])], [KL], False, 64)
    assert value(some, SOFTMAX[1], KL) == pytest.approx(value(whole, SOFTMAX[1], KL), rel=0.3)


def test_all_layers_pooled_are_their_inputs_together():
    layers = [softmax_inputs(codes=scores(seed=seed), layer=seed) for seed in range(3)]
    layers[1] = layers[1].scaled(1)
    methods = [parse(text) for text in SOFTMAX]
    table = surface(layers, methods, list(ERRORS), True, 8)
    for text in SOFTMAX:
        each = [value(table, text, "weighted_absolute_error", str(layer)) for layer in range(3)]
        counts = [layer.counts.sum() for layer in layers]
        assert value(table, text, "weighted_absolute_error") == pytest.approx(
            np.average(each, weights=counts)
        )
        each = [value(table, text, "maximum_absolute_error", str(layer)) for layer in range(3)]
        assert value(table, text, "maximum_absolute_error") == max(each)
        each = [value(table, text, KL, str(layer)) for layer in range(3)]
        assert value(table, text, KL) == pytest.approx(np.mean(each))


def test_a_table_of_many_methods_holds_the_same_as_a_table_of_each():
    inputs, methods = softmax_inputs(), [parse(text) for text in SOFTMAX]
    together = surface([inputs], methods, list(ERRORS), False, 8)
    for method in methods:
        alone = surface([inputs], [method], list(ERRORS), False, 8)
        rows = together[together["method"] == str(method)].reset_index(drop=True)
        pd.testing.assert_series_equal(rows["value"], alone["value"], rtol=1e-12)


def test_the_best_of_each_family_and_error_is_marked_once():
    methods = expand(["vlp:lut=8..10,max_exp=-2..3", "pwl:segments=8|16,range=8|16"], "softmax")
    table = surface([softmax_inputs()], methods, list(ERRORS), True, 8)
    assert len(table) == len(methods) * len(ERRORS) * 2
    for _, rows in table.groupby(["layer", "family", "error"]):
        best = rows[rows["best"]]
        assert len(best) == 1
        assert best["value"].item() == rows["value"].min()


def test_counts_weigh_codes_and_samples_say_in_which_window_they_are():
    inputs = softmax_inputs()
    twice = Inputs("test", "softmax", "exp", 0, inputs.codes, 2 * inputs.counts)
    zero_only = np.where(CODES == 0, 5, 0)
    method = parse("vlp:lut=12,max_exp=3")
    error = ["weighted_absolute_error"]
    once = surface([inputs], [method], error, False, 1)["value"].item()
    assert surface([twice], [method], error, False, 1)["value"].item() == pytest.approx(once)
    zeros = Inputs("test", "softmax", "exp", 0, inputs.codes, zero_only)
    assert surface([zeros], [method], error, False, 1)["value"].item() == 0


def test_a_code_without_samples_is_alone_in_its_group():
    method, code = parse("vlp:lut=12,max_exp=3"), to_bf16(np.array([-0.01]))
    tile = np.zeros((1, 256, 1), dtype=np.uint16)
    inputs = Inputs("test", "softmax", "exp", 0, tile, np.bincount(code, minlength=1 << 16))
    stack = method.stack("exp")
    placements = Placements([stack])
    reads = placements.reads(inputs, placements.of(inputs))
    assert placements.positions(stack)[reads.placement].tolist() == pick_alone(stack, code).tolist()


def test_an_adaptive_window_holds_its_own_on_inputs_it_was_not_fitted_to():
    fixed, adaptive = parse("vlp:lut=8,max_exp=1"), parse("vlp:lut=8,max_exp=1,adapt=10")
    small = activation_inputs().scaled(-6)
    table = surface([small], [fixed, adaptive], ["weighted_absolute_error"], False, 1)
    assert value(table, str(adaptive), "weighted_absolute_error") < 0.5 * value(
        table, str(fixed), "weighted_absolute_error"
    )
    assert list(table["family"]) == ["vlp", "adaptive_vlp"]
