"""`mugi accuracy`: one model, any number of approximations, metrics side by side."""

import argparse
import importlib.metadata
import json
import os
import sys
from pathlib import Path

import pandas as pd
from tqdm import tqdm

import mugi
from mugi.approximations import NATIVE, Approximation, parse_operations
from mugi.errors import InputError
from mugi.files import check_writable, write_csv, write_text

PACKAGES = ("torch", "transformers", "lm_eval")
COLUMNS = [
    "model",
    "softmax",
    "activation",
    "cross_softmax",
    "woq",
    "kvq",
    "task",
    "metric",
    "value",
    "standard_error",
    "reference",
    "documents",
    "tokens",
    "window_tokens",
    "stride_tokens",
    "dtype",
    "attention",
    "device",
    "seed",
    "seconds",
    "versions",
]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi accuracy`."""
    parser.add_argument("model", help="checkpoint folder, or hub id (needs network)")
    parser.add_argument("--name", help="the model's name in the table (default: its last part)")
    parser.add_argument(
        "--approx",
        action="append",
        metavar="TEXT",
        help="softmax=METHOD;activation=METHOD, or native (repeat for more)",
    )
    parser.add_argument("--window", type=int, default=1024, help="tokens per perplexity window")
    parser.add_argument("--stride", type=int, help="tokens between windows (default: window)")
    parser.add_argument("--windows", type=int, default=4, help="perplexity windows; 0 for none")
    parser.add_argument(
        "--task", action="append", default=[], metavar="NAME=DOCUMENTS", help="lm-eval task"
    )
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float16", "float32"])
    parser.add_argument("--attention", default="eager", choices=["eager", "sdpa"], help="native's")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, help="CPU threads (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, required=True, help="tidy CSV")
    parser.add_argument("--lm-eval-json", type=Path, help="lm-eval's own results")


def run(args: argparse.Namespace) -> None:
    """Evaluate and write the tidy table, and lm-eval's JSON if asked for."""
    approximations = [parse_operations(text) for text in args.approx or [NATIVE]]
    tasks = dict(_task_limit(text) for text in args.task)
    args.name = args.name or Path(args.model).name
    args.stride = args.window if args.stride is None else args.stride
    _check_sizes(args)
    check_writable(args.output)
    if Path(args.model).is_dir():
        os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_DATASETS_OFFLINE"] = "1"

    import torch  # not before the arguments are checked: it takes seconds

    from mugi.accuracy import harness, models

    if args.threads:
        torch.set_num_threads(args.threads)
    manager = harness.task_manager()
    harness.check_tasks(tasks, manager)
    model, tokenizer = models.load(args.model, args.dtype, args.attention, args.device)
    context = getattr(model.config, "max_position_embeddings", args.window)
    if args.window > context:
        raise InputError(f"--window {args.window}: the model's context is {context} tokens")
    steps = len(approximations) * (args.windows + len(tasks))
    with tqdm(total=steps, unit="step", desc=args.name, file=sys.stderr) as bar:
        rows = _perplexity_rows(args, model, tokenizer, approximations, bar.update)
        results = {}
        for approximation in approximations if tasks else []:
            wrapped = harness.MugiLM(
                str(approximation),
                pretrained=model,
                tokenizer=tokenizer,
                max_length=args.window,
            )
            for task, limit in tasks.items():
                result = harness.run_task(wrapped, task, limit, manager, args.seed)
                results.setdefault(str(approximation), {})[task] = result
                rows += _task_rows(approximation, task, result)
                bar.update()
    if args.lm_eval_json:
        write_text(args.lm_eval_json, json.dumps(results, indent=1, default=str))
    write_csv(_complete(args, rows), args.output)


def _task_limit(text: str) -> tuple[str, int]:
    name, equals, limit = text.partition("=")
    if not equals or not limit.isdigit() or int(limit) < 1:
        raise InputError(f"--task {text}: must be NAME=DOCUMENTS with at least 1 document")
    return name, int(limit)


def _check_sizes(args: argparse.Namespace) -> None:
    if args.window < 2:
        raise InputError(f"--window {args.window}: must be at least 2 tokens")
    if not 1 <= args.stride <= args.window:
        raise InputError(f"--stride {args.stride}: must be 1 to {args.window} (the window)")
    if args.windows < 0:
        raise InputError(f"--windows {args.windows}: must be at least 0")
    if not args.windows and not args.task:
        raise InputError("nothing to measure: --windows 0 and no --task")
    if args.threads is not None and args.threads < 1:
        raise InputError(f"--threads {args.threads}: must be at least 1")
    if not Path(args.model).is_dir() and "/" not in args.model:
        raise InputError(
            f"no folder '{args.model}'; allowed: a checkpoint folder, a hub id (org/name)"
        )


def _perplexity_rows(
    args: argparse.Namespace, model, tokenizer, approximations: list[Approximation], tick
) -> list[dict]:
    """Token perplexity, KL divergence and agreement on the prose corpus, rows by approximation."""
    if not args.windows:
        return []
    import torch

    from mugi.accuracy import corpus, perplexity

    text = "\n\n".join(corpus.prose_documents())
    tokens = torch.tensor(tokenizer(text, add_special_tokens=False)["input_ids"])
    windows = perplexity.windows_of(tokens, args.window, args.stride, args.windows)
    totals = perplexity.evaluate(model, windows, args.stride, approximations, tick)
    return [
        _key(approximation)
        | {
            "task": "prose",
            "metric": metric,
            "value": value,
            "reference": "" if metric == "token_perplexity" else NATIVE,
            "documents": args.windows,
            "tokens": total.tokens,
            "window_tokens": args.window,
            "stride_tokens": args.stride,
            "seconds": round(total.seconds, 2),
        }
        for approximation, total in zip(approximations, totals, strict=True)
        for metric, value in total.metrics().items()
    ]


def _task_rows(approximation: Approximation, task: str, result: dict) -> list[dict]:
    """One row for each metric that lm-eval reports for `task`."""
    metrics = result["results"][task]
    names = [key.removesuffix(",none") for key in metrics if key.endswith(",none")]
    return [
        _key(approximation)
        | {
            "task": task,
            "metric": name,
            "value": metrics[f"{name},none"],
            "standard_error": pd.to_numeric(metrics[f"{name}_stderr,none"], errors="coerce"),
            "documents": result["n-samples"][task]["effective"],
            "seconds": round(result["seconds"], 2),
        }
        for name in names
        if not name.endswith("_stderr")
    ]


def _key(approximation: Approximation) -> dict:
    methods = approximation._asdict().items()
    return {name: str(method) if method else NATIVE for name, method in methods}


def _complete(args: argparse.Namespace, rows: list[dict]) -> pd.DataFrame:
    """Add what all rows share: model, precision, attention, seed and package versions."""
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["model"] = args.name
    table["dtype"] = args.dtype
    table["attention"] = args.attention
    table.loc[table["softmax"] != NATIVE, "attention"] = "tables"
    table["device"] = args.device
    table["seed"] = args.seed
    versions = [f"{name} {importlib.metadata.version(name)}" for name in PACKAGES]
    table["versions"] = "; ".join([f"mugi {mugi.__version__}", *versions])
    counts = ["documents", "tokens", "window_tokens", "stride_tokens"]
    table[counts] = table[counts].astype("Int64")
    return table
