"""Table 1: the language models whose inference is costed, with the batches and lengths run."""

import sys
from pathlib import Path

import pandas as pd

from figures import output, paper
from figures.runs import RUN
from mugi.files import read_table
from mugi.hardware.memory import WEIGHT_BITS
from mugi.hardware.model import load_model
from mugi.hardware.workload import PREFILL_TOKENS

HEADINGS = {
    "layers": "Layers",
    "hidden_size": "Hidden size",
    "heads": "Heads",
    "kv_heads": "KV heads",
    "head_size": "Head size",
    "ffn_size": "FFN size",
    "vocabulary": "Vocabulary",
    "weights_billion": "Weights [G]",
    "kv_cache_bytes_per_token": "KV cache [B/token]",
}
NOTE = (
    "Weights are those multiplied: all layers and the language-model head. Weights and KV cache "
    "have 4 bits, activations 16. Llama 2 70B is run twice: with 8 KV heads as it is (GQA), and "
    f"with one for each head. Every run starts with a prefill of {PREFILL_TOKENS} tokens."
)


def models(hardware: pd.DataFrame) -> pd.DataFrame:
    """Return the sizes of every model and number of KV heads in the table, as it was run."""
    runs = hardware.groupby(["model", "kv_heads"], sort=False)
    rows = [describe(name, kv_heads, of_model) for (name, kv_heads), of_model in runs]
    return pd.DataFrame(rows)


def describe(name: str, kv_heads: int, runs: pd.DataFrame) -> dict:
    """Return one row of the table."""
    model = load_model(name)
    model = model.model_copy(update={"kv_heads": kv_heads}) if model.layers else model
    return {
        "model": name,
        "layers": model.layers,
        "hidden_size": model.dim,
        "heads": model.heads,
        "kv_heads": kv_heads,
        "head_size": model.key_dim,
        "ffn_size": model.ffn_dim,
        "vocabulary": model.vocabulary,
        "weights_billion": model.multiplied_parameters / 1e9,
        "kv_cache_bytes_per_token": model.cached_values * WEIGHT_BITS // 8,
        "batch_sizes": " ".join(str(size) for size in sorted(runs["batch_size"].unique())),
        "sequence_lengths": " ".join(str(length) for length in sorted(runs["seq_len"].unique())),
    }


def make(path: Path, stem: Path) -> None:
    """Write stem.csv, stem.md and stem.tex from the hardware table."""
    table = models(read_table(path, RUN))
    shown = table.assign(
        model=[paper.LABELS.get(name, name) for name in table["model"]],
        weights_billion=table["weights_billion"].map("{:.2f}".format),
    )
    headings = {"model": "Model", **HEADINGS}
    headings |= {"batch_sizes": "Batch sizes", "sequence_lengths": "Sequence lengths"}
    shown = shown[list(headings)].astype(str).rename(columns=headings)
    output.save_table(stem, table, {"Models": shown}, NOTE)


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
