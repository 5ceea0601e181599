"""`mugi profile`: how often each BF16 input of softmax and activation occurs in a real model."""

import argparse
import io
from pathlib import Path

import numpy as np
import pandas as pd

from mugi.accuracy import subject
from mugi.errors import InputError
from mugi.files import check_writable, write_bytes

RECIPES = ["lut", "published"]
_SAMPLE_TOKENS = 512


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi profile`."""
    subject.add_arguments(parser)
    parser.add_argument(
        "--recipe",
        default="lut",
        choices=RECIPES,
        help="what the LUT sees, or what the paper's Fig. 4 shows",
    )
    parser.add_argument(
        "--length", type=int, action="append", help="tokens in a window (repeat for more)"
    )
    parser.add_argument("--tokens", type=int, default=2048, help="tokens of text at each length")
    parser.add_argument("-o", "--output", type=Path, required=True, help="counts, as Parquet")
    parser.add_argument("--samples", type=Path, help="codes of a few heads and tokens, as .npz")


def run(args: argparse.Namespace) -> None:
    """Run the model over the text at each length and write the counts, and samples if asked for."""
    lengths = sorted(set(args.length or [512]))
    if lengths[0] < 2:
        raise InputError(f"--length {lengths[0]}: must be at least 2 tokens")
    if args.tokens < lengths[-1]:
        raise InputError(f"--tokens {args.tokens}: must be at least {lengths[-1]} (the length)")
    if args.recipe != "lut" and args.samples:
        raise InputError("--samples: only with --recipe lut")
    for path in filter(None, [args.output, args.samples]):
        check_writable(path)
    subject.check(args)
    model, tokenizer = subject.load(args)

    from mugi.llm import record
    from mugi.llm import texts as corpus

    documents = corpus.prose_documents()
    tokens = subject.tokens(model, tokenizer, documents, args.tokens, lengths[-1])
    if args.recipe == "lut":
        table = record.profile(model, tokens, lengths)
    else:
        table = record.profile_as_published(model, tokens, lengths[-1])
    table.insert(0, "model", args.name)
    if args.samples:
        sample = record.samples(model, tokens[: min(lengths[-1], _SAMPLE_TOKENS)])
        write_bytes(args.samples, _npz(sample))
    write_bytes(args.output, _parquet(table))


def _npz(arrays: dict[str, np.ndarray]) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def _parquet(table: pd.DataFrame) -> bytes:
    content = io.BytesIO()
    table.to_parquet(content, index=False, compression="zstd")
    return content.getvalue()
