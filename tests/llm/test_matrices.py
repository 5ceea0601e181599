"""Weights of linear layers and of stacked experts, along the axis of their inputs."""

import copy
import re

import pytest
import torch

import mugi
from mugi.errors import InputError
from mugi.llm.fake_quantise import fake_quantise
from mugi.llm.matrices import matrices_of
from mugi.methods import parse
from tests.llm.families import built, logits

METHOD = parse("int4:group=16")
TOKENS = torch.randint(3, 60, (1, 10), generator=torch.Generator().manual_seed(1))


def names(model) -> set[str]:
    """Names of the parameters that are quantised, as in the model."""
    quantised = {id(matrix.parameter) for matrix in matrices_of(model)}
    return {name for name, value in model.named_parameters() if id(value) in quantised}


@pytest.mark.parametrize(
    "family, stacks_of_columns",  # whether experts are (experts, inputs, outputs)
    [("mixtral", False), ("qwen3_moe", False), ("gpt_oss", True), ("llama4_text", True)],
)
def test_experts_are_quantised_one_by_one_along_their_inputs(family, stacks_of_columns):
    model = built(family)
    other = copy.deepcopy(model)
    for name, value in other.named_parameters():
        if "experts" in name and value.ndim == 3:
            for expert in value.data:
                turned = expert.T if stacks_of_columns else expert
                new = fake_quantise(turned.contiguous(), METHOD)
                expert.copy_(new.T if stacks_of_columns else new)
        elif re.search(r"\.layers\..*(?<!gate|uter)\.weight$", name) and value.ndim == 2:
            value.data = fake_quantise(value.data, METHOD)
    native = logits(model, TOKENS)
    with mugi.emulated(model, f"woq={METHOD}"):
        found = logits(model, TOKENS)
    torch.testing.assert_close(found, logits(other, TOKENS))
    assert not torch.equal(found, native)
    assert torch.equal(logits(model, TOKENS), native)


def test_routers_kernels_and_constants_are_left_alone():
    for family, kept in {
        "qwen3_next": ("gate.weight", "shared_expert_gate.weight", "conv1d.weight"),
        "jamba": ("router.weight", "A_log", "conv1d.weight"),
        "gpt_oss": ("router.weight", "gate_up_proj_bias", "down_proj_bias"),
    }.items():
        model = built(family)
        left = {name for name, p in model.named_parameters() if p.ndim > 1} - names(model)
        left = {name for name in left if ".layers." in name}
        assert left and all(name.endswith(kept) for name in left), family


def test_only_the_language_model_of_a_multi_modal_one_is_quantised():
    assert all("language_model.layers" in name for name in names(built("gemma3")))


def test_weights_that_layers_share_are_quantised_once():
    """Twice would be another number for most schemes, and hard to undo."""
    model = built("zamba2")
    native, state = logits(model, TOKENS), copy.deepcopy(model.state_dict())
    with mugi.emulated(model, f"woq={METHOD}"):
        assert not torch.equal(logits(model, TOKENS), native)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    matrices = [id(matrix.parameter) for matrix in matrices_of(model)]
    assert len(matrices) == len(set(matrices))


def test_a_dense_gate_is_no_router():
    """A feed-forward layer may call its matrix `gate`; a router has as many outputs as experts."""
    model = built("llama")
    mlp = model.model.layers[0].mlp
    mlp.gate = mlp.gate_proj
    del mlp.gate_proj
    assert "model.layers.0.mlp.gate.weight" in names(model)


def test_unknown_matrices_are_refused():
    model = built("llama")
    model.model.layers[1].mlp.extra = torch.nn.Parameter(torch.ones(4, 5))
    line = "woq: 1 matrices of this model's blocks are neither of linear layers nor of experts, for"
    with pytest.raises(InputError, match=line), mugi.emulated(model, f"woq={METHOD}"):
        pass
