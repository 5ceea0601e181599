"""The paper's chips as listed and as built in gates: companions of Table 3, Figs. 13 and 15."""

import pandas as pd

from mugi import assumptions
from mugi.carbon import account_carbon
from mugi.hardware import evaluate_hardware

CHIPS = (
    *(("mugi", "vlp", height) for height in (128, 256)),
    *(("carat", "", 256), ("systolic", "mac", 16), ("systolic", "figna", 16)),
)
RUN = {"model": ["llama_2_7b", "llama_2_70b_GQA"], "batch_size": 8, "seq_len": 4096}
AS_BUILT = {"assumption.row_storage": "as_built", "assumption.figna_pe": "synthesised"}
# what a chip is made of -> keys of its runs
BUILDS = {
    "as listed": {},
    "as built": AS_BUILT,
    "as built, open areas": AS_BUILT | {"technology": "45nm-open"},
}
KEYS = ["design", "variant", "array_height", "model", "preset"]
VALUES = ["tokens_per_s", "area_mm2", "area_array_mm2", "tokens_per_j"]
CARBON = {"operational": "operational_carbon_kgco2e", "embodied": "embodied_carbon_kgco2e"}


def in_gates() -> pd.DataFrame:
    """Return the chips by what they are made of (`build`, one of BUILDS), a row a run.

    Columns: KEYS, build, VALUES, and carbon of operation and of manufacture (kgCO2e) as that
    preset accounts for it, of the whole run.
    """
    chips, tables = [dict(zip(KEYS[:3], chip, strict=True)) for chip in CHIPS], []
    for build, how in BUILDS.items():
        shared = RUN | how | {"preset": list(assumptions.PRESETS)}
        runs = evaluate_hardware(grids=[chip | shared for chip in chips])
        for preset, own in runs.groupby("preset", sort=False):
            carbon = account_carbon(own, presets=preset)
            carbon = carbon[carbon["event"] == "total"][[*KEYS, *CARBON.values()]]
            tables.append(own[[*KEYS, *VALUES]].merge(carbon, on=KEYS).assign(build=build))
    table = pd.concat(tables, ignore_index=True)
    return table[[*KEYS, "build", *VALUES, *CARBON.values()]]
