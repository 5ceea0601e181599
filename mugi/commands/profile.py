"""`mugi profile`: how often each BF16 input of softmax and activation occurs in a real model."""

import argparse
import io
from pathlib import Path

import numpy as np

from mugi.accuracy.profile import RECIPES, profile_inputs
from mugi.commands.arguments import add_model_arguments, model_settings, options_named
from mugi.commands.output import closing
from mugi.files import check_outputs, check_writable, write_bytes, write_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi profile`."""
    add_model_arguments(parser)
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
    with options_named(args):
        model = model_settings(args)
        check_writable(args.output, (".parquet",))
        check_outputs([args.output], [args.samples])
        profile = profile_inputs(
            model=model,
            lengths=args.length or [512],
            tokens=args.tokens,
            recipe=args.recipe,
            samples=args.samples is not None,
        )
    if args.samples:
        content = io.BytesIO()
        np.savez_compressed(content, **profile.samples)
        write_bytes(args.samples, content.getvalue())
    write_table(profile.table, args.output)
    closing({args.output: profile.table, args.samples: "sampled codes"})
