"""The runs of the hardware model that a figure shows: each there exactly once.

Figures show the chips of the paper and, beside them, every chip of a design that is not in the
paper and was run on all that the figure needs.
"""

import sys
from collections.abc import Callable
from itertools import product

import pandas as pd

from figures.paper import BARS, DESIGNS, MODELS, PAPER_RUN, name_of
from mugi.errors import InputError

MISTAKES_SHOWN = 10
CHIP = ["design", "variant", "array_height", "noc_rows", "noc_cols"]
RUN = [*CHIP, "model", "kv_heads", "batch_size", "seq_len", "preset"]
PAPER_DESIGNS = {design for design, _ in DESIGNS}
LETTERS = "ABEFGHIJKLNOQRUVWXYZ"  # under bars of other designs: those the paper does not use


def presets_of(table: pd.DataFrame) -> list[str]:
    """Return which presets of the hardware model `table` has, the published one first."""
    known = ["as-published", "corrected"]
    there = [name for name in known if name in set(table["preset"])]
    if not there:
        raise InputError("column preset: neither 'as-published' nor 'corrected' is there")
    return there


def pick(table: pd.DataFrame, wanted: list[dict]) -> pd.DataFrame:
    """Return the one row of `table` for each of `wanted`, in that order; else `InputError`.

    All of `wanted` have the same keys.
    """
    keys = pd.DataFrame(wanted)
    numbered = keys.assign(_place=range(len(keys)))
    picked = table.merge(numbered, on=list(keys)).sort_values("_place", kind="stable")
    counts = picked["_place"].value_counts().reindex(numbered["_place"], fill_value=0)
    mistakes = [
        f"{count} rows with {', '.join(f'{k}={v}' for k, v in wanted[place].items())}; "
        "exactly one is needed"
        for place, count in counts.items()
        if count != 1
    ]
    if len(mistakes) > MISTAKES_SHOWN:
        mistakes[MISTAKES_SHOWN:] = [f"and {len(mistakes) - MISTAKES_SHOWN} more like these"]
    if mistakes:
        raise InputError(*mistakes)
    return picked.drop(columns="_place").reset_index(drop=True)


def chip_name(design: str, variant: str, height: int, *mesh: int) -> str:
    """Return the label of a chip: its name, the height of its array, its nodes if more than one."""
    nodes = f" {mesh[0]}×{mesh[1]}" if mesh not in ((), (1, 1)) else ""
    return f"{name_of(design, variant)} ({height}){nodes}"


def pick_runs(
    table: pd.DataFrame,
    chips: list[tuple],
    models: list[str],
    presets: list[str],
    meshes: tuple = ((1, 1),),
    name: Callable[..., object] = chip_name,
    **lists: list,
) -> pd.DataFrame:
    """Return the runs of every preset × model × value in `lists` × chip, in that order.

    A chip is a name (or any text), design, variant and array height, and rows and columns of nodes
    where it has a NoC; the column `chip` is its name. Below the chips of the paper come those of
    other designs, with a network of one of `meshes`, called `name(design, variant, height, rows,
    columns)`.
    """
    lists = {**{key: [value] for key, value in PAPER_RUN.items()}, **lists}

    def of_chips(shown: list[tuple], presets: list[str]) -> pd.DataFrame:
        names, wanted = [], []
        for preset, model, *values, chip in product(presets, models, *lists.values(), shown):
            label, design, variant, height, *mesh = chip
            names.append(label)
            keys = {"preset": preset, "design": design, "variant": variant, "array_height": height}
            keys |= dict(zip(["noc_rows", "noc_cols"], mesh or (1, 1), strict=True))
            keys |= {"model": model, "kv_heads": MODELS[model]}
            wanted.append(keys | dict(zip(lists, values, strict=True)))
        runs = pick(table, wanted)
        runs.insert(0, "chip", names)
        return runs

    parts = [of_chips(chips, presets)]
    for preset in presets:
        for chip in others(table, preset, meshes):
            try:
                parts.append(of_chips([(name(*chip), *chip)], [preset]))
            except InputError as error:
                warn_of(chip, preset, error)
    return pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]


def others(table: pd.DataFrame, preset: str, meshes: tuple = ((1, 1),)) -> list[tuple]:
    """Return the chips of a preset whose design is not in the paper, with a network of `meshes`."""
    chips = table[(table["preset"] == preset) & ~table["design"].isin(PAPER_DESIGNS)]
    chips = chips[CHIP].drop_duplicates().itertuples(index=False, name=None)
    return [chip for chip in chips if chip[3:] in meshes]


def warn_of(chip: tuple, preset: str, error: InputError) -> None:
    """Say why a chip is not drawn, and go on: other figures may have what they need of it."""
    why = str(error.mistakes[0])
    print(f"{chip_name(*chip)}, {preset}, is not drawn: {why}", file=sys.stderr)


def pick_bars(table: pd.DataFrame, letters: str, events: list[str], **keys) -> pd.DataFrame:
    """Return the rows behind stacked bars: models of `table` × `letters` × `events`, in order.

    A model is drawn if Mugi(256) was run on it; then every other design of the paper is needed on
    it too, and other designs are drawn that have all models.
    """
    single = {**PAPER_RUN, "noc_rows": 1, "noc_cols": 1, **keys}
    mugi = table[(table["design"] == "mugi") & (table["seq_len"] == PAPER_RUN["seq_len"])]
    models = [model for model in MODELS if (mugi["model"] == model).any()]
    if not models:
        raise InputError(f"no run of mugi on any of {', '.join(MODELS)}")

    def of_chips(chips: dict[str, tuple]) -> pd.DataFrame:
        wanted = [
            {
                "model": model,
                **dict(zip(["design", "variant", "array_height"], chip[:3], strict=True)),
                "kv_heads": MODELS[model],
                **single,
                "event": event,
            }
            for model in models
            for chip in chips.values()
            for event in events
        ]
        bars = pick(table, wanted)
        bars.insert(0, "bar", [letter for _ in models for letter in chips for _ in events])
        return bars

    parts = [of_chips({letter: BARS[letter] for letter in letters})]
    for letter, chip in zip(LETTERS, others(table, keys["preset"]), strict=False):
        try:
            parts.append(of_chips({letter: chip}))
        except InputError as error:
            warn_of(chip, keys["preset"], error)
    return pd.concat(parts, ignore_index=True)


def per_mugi_total(bars: pd.DataFrame, value: str) -> pd.Series:
    """Divide `value` by the sum over the events of Mugi(256) on the same model."""
    totals = bars[bars["bar"] == "M"].groupby("model")[value].sum()
    return bars[value] / bars["model"].map(totals)
