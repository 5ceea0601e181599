"""Break-even of carbon: how long, on which grid, until use has emitted what manufacture did."""

from collections.abc import Sequence

import pandas as pd

from mugi import assumptions
from mugi.carbon import CONSTANTS, g_per_mm2
from mugi.errors import raise_all, unknown
from mugi.hardware import evaluate_hardware

# design, variant, array height: nodes of growing size, and the paper's rivals
CHIPS = (
    *(("mugi", "vlp", height) for height in (64, 128, 256, 512)),
    *(("systolic", "mac", 8), ("systolic", "mac", 16), ("carat", "", 256), ("tensor", "", 8)),
)
RUN = {"model": "llama_2_70b_GQA", "batch_size": 8, "seq_len": 4096}  # Table 3
# what power counts -> the column of tokens by it
SCOPES = {"on_chip": "tokens_per_j_on_chip", "with_dram_background": "tokens_per_j_with_dram"}
GRIDS = (
    *("wind", "iceland_2022", "solar", "brazil_2022", "europe_2022", "world_2022", "world_2023"),
    *("india_2022", "coal"),
)
FAB_GRID = "world_2022"  # a fab does not move to where its chips are used
SECONDS_PER_HOUR = 3600


def break_even(
    preset: str = assumptions.DEFAULT_PRESET, grids: Sequence[str] = GRIDS
) -> pd.DataFrame:
    """Return when operational carbon reaches the embodied one, a row a chip, scope, fab and grid.

    A chip that is in use all the time emits CI P 8,760 h a year and took CPA area to make.
    `break_even_years` is their quotient: a chip that is used for less has more embodied than
    operational carbon. `break_even_g_per_kwh` is the grid on which that takes the `lifetime_years`
    of the preset: on cleaner ones the embodied part outweighs however long the chip is used.

    P (`power_w`) is the mean power of the paper's run (RUN), without DRAM or with it and its
    background power; making DRAM is not counted. CPA is that of Eq. 6 (`energy_only`) or ACT's for
    a fab, with the electricity of FAB_GRID. The chips stay those of 45 nm: a newer fab is another
    price of a mm2 here, not a smaller chip. `grids` are names of the assumption carbon_intensity;
    raises InputError for others.
    """
    places = assumptions.REGISTRY["carbon_intensity"].names
    raise_all([unknown("grid", name, places) for name in grids if name not in places])
    rules = assumptions.preset(preset)
    chips = pd.DataFrame(CHIPS, columns=["design", "variant", "array_height"])
    runs = evaluate_hardware(runs=chips.assign(**RUN, preset=preset))
    keys = ["design", "variant", "array_height", "model", "batch_size", "seq_len", "preset"]
    parts = []
    for scope, column in SCOPES.items():
        power_w = runs["tokens_per_s"] / runs[column]
        for cpa in assumptions.REGISTRY["cpa"].choices:
            fab = rules | {"cpa": cpa, "fab_carbon_intensity": places[FAB_GRID]}
            part = runs[[*keys, "area_mm2"]].assign(
                energy_scope=scope,
                power_w=power_w,
                cpa=cpa,
                embodied_carbon_kgco2e=g_per_mm2(fab) * runs["area_mm2"] / 1e3,
                lifetime_years=rules["lifetime_years"],
            )
            parts += [part.assign(grid=n, carbon_intensity_g_per_kwh=places[n]) for n in grids]
    table = pd.concat(parts, ignore_index=True)
    hours = CONSTANTS.seconds_per_year.value / SECONDS_PER_HOUR
    yearly_kwh = table["power_w"] / 1e3 * hours * rules["pue"]
    g_years_per_kwh = table["embodied_carbon_kgco2e"] * 1e3 / yearly_kwh
    return table.assign(
        break_even_years=g_years_per_kwh / table["carbon_intensity_g_per_kwh"],
        break_even_g_per_kwh=g_years_per_kwh / table["lifetime_years"],
    )
