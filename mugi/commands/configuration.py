"""The options that make one configuration of the cost model, each with what it may be."""

import argparse

from mugi.assumptions import DEFAULT_PRESET, PRESETS
from mugi.hardware import designs, models
from mugi.hardware.design import variants
from mugi.hardware.runs import KEYS
from mugi.hardware.technology import DEFAULT, technologies

COUNTED = {
    "array_height": "rows of the array, such as 256; required",
    "array_width": "columns of the array (default: the design's own)",
    "noc_rows": "rows of nodes of the network on chip (default: 1)",
    "noc_cols": "columns of nodes of the network on chip (default: 1)",
    "kv_heads": "heads of keys and values (default: the model's)",
    "batch_size": "sequences at once, such as 8; required",
    "seq_len": "tokens of a sequence, prompt and output, such as 4096; required, or output_len",
    "prompt_len": "tokens of the prompt, which prefill takes (default: 64, as the paper)",
    "output_len": "tokens that decode generates (default: the rest of seq_len)",
}


def add_configuration(parser: argparse._ArgumentGroup) -> None:
    """Declare an option for each column of a configuration."""
    named = _named()
    for key in KEYS:
        option, what = f"--{key.replace('_', '-')}", named.get(key) or COUNTED[key]
        parser.add_argument(option, metavar="NAME" if key in named else "N", help=what)


def _named() -> dict[str, str]:
    """Return what the columns that hold names mean, with the names of the package."""
    of_designs = {name: " | ".join(variants(name)) for name in designs()}
    listed = "; ".join(f"{name}: {names}" for name, names in of_designs.items() if names)
    return {
        "design": f"accelerator: {', '.join(designs())}, or the path of a YAML file; required",
        "variant": f"kind of the design, by default its first: {listed}",
        "model": f"LLM: {', '.join(models())}, or the path of a YAML file or of a config.json (its "
        "folder, its hub id in the local cache); required",
        "preset": f"assumptions: {' or '.join(PRESETS)} (default: {DEFAULT_PRESET})",
        "technology": f"process: {', '.join(technologies())}, or the path of a YAML file (default: "
        f"{DEFAULT})",
    }
