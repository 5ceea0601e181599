"""`mugi accuracy`: one model, any number of approximations, metrics side by side."""

import argparse
import json
import os
import re
import sys
from pathlib import Path

import pandas as pd
from tqdm import tqdm

import mugi
from mugi.accuracy import cells, subject
from mugi.accuracy.arguments import add_model_arguments
from mugi.errors import InputError
from mugi.files import check_writable, write_table, write_text
from mugi.llm import texts as corpus
from mugi.llm.texts import OWN_PREFIX
from mugi.methods import NATIVE, Approximation
from mugi.methods.grid import expand_operations

KEYS = ["model", *Approximation._fields, "task"]
COLUMNS = [
    *KEYS,
    "metric",
    "reference",
    "value",
    "standard_error",
    "ci_low",
    "ci_high",
    "bootstrap_samples",
    "documents",
    "tokens",
    "window_tokens",
    "stride_tokens",
    "text_sha256",
    "dtype",
    "attention",
    "device",
    "seed",
    "versions",
]
DOCUMENT_COLUMNS = [*KEYS, "metric", "reference", "document", "total", "weight"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi accuracy`."""
    add_model_arguments(parser)
    parser.add_argument(
        "--approx",
        action="append",
        metavar="TEXT",
        help="softmax=METHOD;activation=METHOD, or native; a|b and a..b in place of values are "
        "tried in every combination (repeat for more)",
    )
    parser.add_argument(
        "--corpus",
        action="append",
        metavar="TEXT",
        help="text of the token perplexity: prose (default), pydoc, c4 (needs network) or a file "
        "(repeat for more)",
    )
    parser.add_argument("--window", type=int, default=1024, help="tokens per perplexity window")
    parser.add_argument("--stride", type=int, help="tokens between windows (default: window)")
    parser.add_argument("--windows", type=int, default=4, help="perplexity windows; 0 for none")
    parser.add_argument(
        "--tasks",
        action="extend",
        nargs="+",
        default=[],
        metavar="NAME[=DOCUMENTS]",
        help="lm-eval tasks, with commas or spaces between them; first documents (default: all)",
    )
    parser.add_argument(
        "--task-folder",
        action="append",
        type=Path,
        default=[],
        help="folder with more lm-eval tasks, for example of `mugi bigbench`",
    )
    parser.add_argument(
        "--data",
        help="clips (NAME.wav, NAME.txt) or images (CLASS/NAME.png) for speech or vision, "
        "instead of text and tasks: a folder, or digits for those inside scikit-learn",
    )
    parser.add_argument("--examples", type=int, help="first clips or images (default: all)")
    parser.add_argument("--num-fewshot", type=int, help="examples before a question (lm-eval's)")
    parser.add_argument("--batch-size", default="auto", help="sequences at a time, or auto")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cells", type=Path, help="folder where finished measurements are kept")
    parser.add_argument("-o", "--output", type=Path, required=True, help="tidy CSV")
    parser.add_argument("--documents", type=Path, help="tidy CSV of every document's sums")
    parser.add_argument("--lm-eval-json", type=Path, help="lm-eval's own results")


def run(args: argparse.Namespace) -> None:
    """Evaluate and write the tidy tables, and lm-eval's JSON if asked for."""
    approximations = expand_operations(args.approx or [NATIVE])
    tasks = dict(_task_limit(text) for text in ",".join(args.tasks).split(",") if text)
    args.stride = args.window if args.stride is None else args.stride
    _check_sizes(args, tasks)
    subject.check_model(args)
    if args.data:
        args.windows, tasks = 0, {}
    outputs = [args.output, args.documents, args.lm_eval_json]
    for path in filter(None, outputs):
        check_writable(path)
    names = list(dict.fromkeys(args.corpus or ["prose"])) if args.windows else []
    texts = [corpus.C4 if name == corpus.C4 else corpus.text(name) for name in names]
    if corpus.C4 not in names and all(name.startswith(OWN_PREFIX) for name in tasks):
        os.environ["HF_DATASETS_OFFLINE"] = "1"
        if Path(args.model).is_dir():
            os.environ["HF_HUB_OFFLINE"] = "1"

    from mugi.accuracy import measure  # not before the arguments are checked: it takes seconds

    with tqdm(total=0, unit="cell", desc=args.name, file=sys.stderr) as bar:
        study = measure.Study(args, approximations, bar)
        if args.data:
            study.examples(args.data, args.examples)
        study.check_tasks(tasks)
        for text in texts:
            study.text(text)
        for task, limit in tasks.items():
            study.task(task, limit)
    if args.lm_eval_json:
        write_text(args.lm_eval_json, json.dumps(study.lm_eval, indent=1))
    if args.documents:
        write_table(study.documents_table()[DOCUMENT_COLUMNS], args.documents)
    write_table(_complete(args, study.rows), args.output)


def _task_limit(text: str) -> tuple[str, int | None]:
    name, equals, limit = text.strip().partition("=")
    if not equals:
        return name, None
    if not limit.isdigit() or int(limit) < 1:
        raise InputError(
            f"--tasks {text}: must be NAME, or NAME=DOCUMENTS with at least 1 document"
        )
    return name, int(limit)


def _check_sizes(args: argparse.Namespace, tasks: dict) -> None:
    if args.window < 2:
        raise InputError(f"--window {args.window}: must be at least 2 tokens")
    if not 1 <= args.stride <= args.window:
        raise InputError(f"--stride {args.stride}: must be 1 to {args.window} (the window)")
    if args.windows < 0:
        raise InputError(f"--windows {args.windows}: must be at least 0")
    if not args.windows and not tasks:
        raise InputError("nothing to measure: --windows 0 and no --tasks")
    if args.batch_size != "auto" and not re.fullmatch("[1-9][0-9]*", args.batch_size):
        raise InputError(f"--batch-size {args.batch_size}: must be auto or at least 1")
    if args.num_fewshot is not None and args.num_fewshot < 0:
        raise InputError(f"--num-fewshot {args.num_fewshot}: must be at least 0")
    if args.examples is not None and args.examples < 1:
        raise InputError(f"--examples {args.examples}: must be at least 1")
    for folder in args.task_folder:
        if not folder.is_dir():
            raise InputError(f"--task-folder {folder}: no such folder")


def _complete(args: argparse.Namespace, rows: list[dict]) -> pd.DataFrame:
    """Add what all rows share: model, precision, attention, seed and package versions."""
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["model"] = args.name
    table["dtype"] = args.dtype
    table["attention"] = args.attention
    table.loc[table["softmax"] != NATIVE, "attention"] = "tables"
    table["device"] = args.device
    table["seed"] = args.seed
    versions = [f"{name} {version}" for name, version in cells.versions().items()]
    table["versions"] = "; ".join([f"mugi {mugi.__version__}", *versions])
    counts = ["bootstrap_samples", "documents", "tokens", "window_tokens", "stride_tokens"]
    table[counts] = table[counts].astype("Int64")
    return table
