"""Runs of the hardware model that figures need and a configuration lacks."""

from importlib.resources import files

import pandas as pd

from mugi.files import read_yaml
from mugi.hardware import expand
from mugi.hardware.runs import filled

NEEDS = files("mugi") / "data" / "figure_runs.yaml"
KEYS = [
    *["design", "variant", "array_height", "noc_rows", "noc_cols"],
    *["model", "kv_heads", "batch_size", "seq_len", "preset"],
]
MODELS = ["llama_2_7b", "llama_2_13b", "llama_2_70b", "llama_2_70b_GQA"]
PRESETS = ["as-published", "corrected"]


def needed(figure: str, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that a figure needs beside `runs`, which have all columns filled in."""
    models = runs.loc[(runs["design"] == "mugi") & (runs["seq_len"] == 4096), "model"].unique()
    models = [model for model in MODELS if model in models] or MODELS[:1]
    presets = [preset for preset in PRESETS if (runs["preset"] == preset).any()] or PRESETS[:1]
    grids = read_yaml(NEEDS).content.get(figure)
    if not grids:
        return runs[KEYS].head(0)
    frames = [expand([{"model": models, "preset": presets, **grid}]) for grid in grids]
    return filled(pd.concat(frames, ignore_index=True))[KEYS].drop_duplicates()


def mistakes(grids: list[dict], figures: list[str]) -> list[str]:
    """Return a line for each of `figures` that `grids` have not exactly the runs for."""
    runs, lines = filled(expand(grids)), []
    count = runs.groupby(KEYS).size().rename("count").reset_index()
    for figure in figures:
        wanted = needed(figure, runs).merge(count, how="left", on=KEYS).fillna({"count": 0})
        odd = wanted[wanted["count"] != 1]
        if len(odd):
            first = odd.iloc[0]
            run = ", ".join(f"{key}={first[key]}" for key in KEYS if first[key] != "")
            there = f"{int(first['count'])} times" if first["count"] else "not at all"
            more = f" ({len(odd) - 1} more such runs)" if len(odd) > 1 else ""
            lines.append(
                f"figures: {figure} needs this run once, which `hardware` has {there}: {run}{more}"
            )
    return lines
