"""The searches of each layer's softmax against plain loops."""

import pytest
import torch

from mugi.accuracy.predictions import Head
from mugi.accuracy.search import descent, distinct, greedy, local_errors, uniform
from mugi.accuracy.trials import Text
from mugi.accuracy.tune import candidates
from mugi.llm.emulate import TableAttention
from mugi.llm.layers import EXACT, layered
from mugi.methods import parse
from tests.accuracy.layer_by_layer import DEFAULT, KL_CONTEXT, METHODS, WINDOWS, by_hand


def scores_on(text):
    """The scores of assignments, with the states in front of a layer kept."""

    def score(assignment, layer=0):
        text.keep(assignment[:layer])
        return text.score(assignment)

    return score


def test_the_same_tables_are_measured_once():
    methods = candidates("vlp:lut=8", range(-1, 8), range(-7, 2))
    alike = distinct(methods)
    assert len(methods) == 18 and len(set(alike.values())) == 10
    assert str(alike[parse("vlp:lut=8,min_exp=-4")]) == "vlp:lut=8,max_exp=3"
    sliding = candidates("vlp:lut=12", range(-1, 8), range(-7, 2))
    assert len(set(distinct(sliding).values())) == 18


def test_greedy_is_a_plain_loop(tiny_llama):
    expected = []
    for layer in range(3):
        trials = {
            method: by_hand(tiny_llama, [*expected, method, *[DEFAULT] * (2 - layer)])["nll_nats"]
            for method in METHODS
        }
        expected.append(min(trials, key=trials.get))
    head = Head(tiny_llama)
    with layered(tiny_llama) as layers:
        text = Text(layers, head, WINDOWS, KL_CONTEXT)
        score = scores_on(text)
        chosen, surface = greedy(score, METHODS, DEFAULT, 3)
    assert chosen == expected
    assert len(set(chosen)) > 1
    assert [set(scores) for scores in surface] == [set(map(str, METHODS))] * 3
    values = [
        scores[str(method)]["nll_nats"] for scores, method in zip(surface, chosen, strict=True)
    ]
    assert values == sorted(values, reverse=True)


def test_local_errors_are_those_of_each_attention_alone(tiny_llama):
    head = Head(tiny_llama)
    with layered(tiny_llama) as layers:
        text = Text(layers, head, WINDOWS, KL_CONTEXT)
        found = local_errors(text, [EXACT, *METHODS])
        again = text.score([EXACT] * 3)
        seen = []
        layers.watch = lambda *arguments: seen.append(arguments)
        layers.logits(tiny_llama.get_input_embeddings()(WINDOWS[:1]), 0)
        layers.logits(tiny_llama.get_input_embeddings()(WINDOWS[1:]), 0)
    assert again["kl_divergence_nats"] == pytest.approx(0, abs=1e-6)
    for layer in range(3):
        assert found[layer]["exact"] == 0
        calls = [arguments for number, *arguments in seen if number == layer]
        exact, coarse = (
            torch.stack(
                [TableAttention(method, torch.device("cpu"))(*arguments) for arguments in calls]
            ).double()
            for method in (EXACT, METHODS[0])
        )
        error = ((coarse - exact) ** 2).sum() / (exact**2).sum()
        assert found[layer][str(METHODS[0])] == pytest.approx(error.item(), rel=1e-5)


def test_descent_never_moves_away_from_exact(tiny_llama):
    head = Head(tiny_llama)
    with layered(tiny_llama) as layers:
        text = Text(layers, head, WINDOWS, KL_CONTEXT)
        score = scores_on(text)
        errors = local_errors(text, METHODS)
        chosen, surface = descent(score, errors, METHODS, tries=3)
        start = [min(METHODS, key=lambda m, row=row: row[str(m)]) for row in errors]
        ends = [score(each)["kl_divergence_nats"] for each in (start, chosen)]
        best = uniform(score, METHODS, 3)
    assert ends[1] <= ends[0]
    assert all(len(scores) == 3 for scores in surface)
    assert set(best) == set(map(str, METHODS))
    last = surface[-1][str(chosen[-1])]["kl_divergence_nats"]
    assert last == pytest.approx(ends[1], abs=1e-6)
