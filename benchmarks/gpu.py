"""Softmax and SiLU by tables on a GPU: fused kernel, plain gathers and torch's own, in one process.

    python benchmarks/gpu.py -o results/benchmarks/gpu.csv

Needs CUDA and the package triton. Sizes are those of Llama 2 7B at 4,096 tokens: one tile of 256
queries of 32 heads, the activations of one layer, and forward passes of 4 layers with random
weights. `floor_s` is the time that reading and writing every number once takes at the bandwidth of
a copy; bits of kernel and gathers are compared on the way.
"""

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pandas as pd
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from triton.testing import do_bench

from mugi.files import write_table
from mugi.llm.emulate import TableActivation, TableAttention
from mugi.llm.inject import emulated
from mugi.llm.kernels import VARIABLE
from mugi.methods import parse

METHODS = ["vlp:lut=8,max_exp=3", "vlp:lut=12,max_exp=3"]
TOKENS, QUERIES, HEADS, CHANNELS, LAYERS = 4096, 256, 32, 11008, 4
CUDA = torch.device("cuda")


def main() -> None:
    """Print one line an operation and method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, help="CSV of the printed lines")
    args = parser.parse_args()
    bandwidth = copy_bandwidth()
    print(f"{torch.cuda.get_device_name()}, copies at {bandwidth / 1e12:.2f} TB/s")
    with torch.inference_mode():
        rows = [*softmax(bandwidth), *silu(bandwidth), *forward()]
    table = pd.DataFrame(rows).assign(device=torch.cuda.get_device_name())
    print(table.to_string(index=False))
    if args.output:
        write_table(table, args.output)


def best(function: Callable) -> float:
    """Return the seconds of the fastest of many calls."""
    return do_bench(function, warmup=50, rep=200, return_mode="min") / 1e3


def copy_bandwidth() -> float:
    """Return the bytes that a copy reads and writes in a second."""
    numbers = torch.empty(1 << 29, dtype=torch.bfloat16, device=CUDA)
    return 4 * numbers.numel() / best(numbers.clone)


def with_kernel(kernel: str, build: Callable):
    """Return what `build` gives while a kernel is asked for."""
    os.environ[VARIABLE] = kernel
    return build()


def softmax(bandwidth: float) -> Iterator[dict]:
    """Yield a row a method: scores in, probabilities out, one tile of queries."""
    scores = 4 * torch.randn(1, HEADS, TOKENS, 1, QUERIES, device=CUDA).bfloat16()
    for text in METHODS:
        units = [with_kernel(k, lambda t=text: TableAttention(parse(t), CUDA)) for k in KERNELS]
        calls = [tile_softmax(unit, scores.clone()) for unit in units]
        fused, plain = (call().clone() for call in calls)
        assert torch.equal(fused.view(torch.int16), plain.view(torch.int16))
        floor = 4 * scores.numel() / bandwidth
        yield row("softmax", text, calls, lambda: torch.softmax(scores, 2), floor)


def tile_softmax(unit: TableAttention, scores: torch.Tensor) -> Callable:
    """Return a call of the softmax of one tile; `scores` may be overwritten."""
    return lambda: unit._softmax(scores, 2, lambda members: unit.lookup.pick(members, 4, 2))


def silu(bandwidth: float) -> Iterator[dict]:
    """Yield a row a method: the inputs of the activation of one layer."""
    inputs = torch.randn(TOKENS, CHANNELS, device=CUDA).bfloat16()
    for text in METHODS:
        units = [
            with_kernel(k, lambda t=text: TableActivation(parse(t), "silu", CUDA)) for k in KERNELS
        ]
        calls = [lambda u=unit: u(inputs) for unit in units]
        fused, plain = (call() for call in calls)
        assert torch.equal(fused.view(torch.int16), plain.view(torch.int16))
        floor = 4 * inputs.numel() / bandwidth
        yield row("silu", text, calls, lambda: torch.nn.functional.silu(inputs), floor)


def forward() -> Iterator[dict]:
    """Yield a row a method: forward passes against native sdpa."""
    config = LlamaConfig(hidden_size=4096, intermediate_size=CHANNELS, num_hidden_layers=LAYERS)
    config.num_attention_heads = config.num_key_value_heads = HEADS
    model = LlamaForCausalLM._from_config(config, dtype=torch.bfloat16, attn_implementation="sdpa")
    model = model.to(CUDA).eval()
    tokens = torch.randint(0, config.vocab_size, (1, TOKENS), device=CUDA)
    run = lambda: model.model(tokens, use_cache=False).last_hidden_state  # noqa: E731
    for text in METHODS:
        approximation = f"softmax={text};activation={text}"
        seconds, outputs = [], []
        for kernel in [*KERNELS, None]:
            build = lambda a=approximation: emulated(model, a)  # noqa: E731
            with with_kernel(kernel, build) if kernel else nullcontext():
                outputs.append(run())
                seconds.append(best(run))
        assert torch.equal(outputs[0], outputs[1])
        yield dict(zip(COLUMNS, [f"forward, {LAYERS} layers", text, *seconds], strict=False))


KERNELS = ["triton", "torch"]
COLUMNS = ["operation", "method", "triton_s", "gathers_s", "torch_own_s", "floor_s"]


def row(operation: str, text: str, calls: list[Callable], own: Callable, floor: float) -> dict:
    """Return the times of fused kernel, gathers and torch's own function."""
    times = [best(call) for call in [*calls, own]]
    return dict(zip(COLUMNS, [operation, text, *times, floor], strict=True))


if __name__ == "__main__":
    main()
