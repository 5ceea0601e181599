"""Draws as sums of unit costs against full evaluations with technologies of these costs."""

import numpy as np
import pandas as pd
import yaml

from mugi.hardware import evaluate
from mugi.hardware.technology import fitted_sram, sram_row, technology
from mugi.judge.costs import QUANTITIES, Unsure, load_costs
from mugi.judge.linear import linear

RUN = {"model": "llama_2_70b_GQA", "batch_size": 8, "seq_len": 128}
CHIPS = [("mugi", "vlp", 256), ("carat", "", 128), ("tensor", "", 8), ("systolic", "figna", 16)]
DRAWS = 50
BY_FACTOR = [
    *("area_mm2", "leakage_mw", "dram_leakage_mw", "dynamic_energy_nj", "dram_energy_nj"),
    *("dynamic_energy_softmax_nj", "dram_energy_attention_nj", "energy_ffn_j", "total_energy_j"),
    *("tokens_per_j", "tokens_per_s_per_j", "tokens_per_j_on_chip", "tokens_per_j_with_dram"),
]


def perturbed(classes: list[str], factors: dict[str, np.ndarray]) -> dict:
    """Return a technology whose unit costs are the default's times factors of one draw."""
    base = technology()
    of = {q: dict(zip(classes, factors[q], strict=True)) for q in QUANTITIES}

    def factor(quantity: str, name: str) -> float:
        return float(of[quantity].get(name, 1.0))

    logic = {
        name: {
            "area_mm2": row.area_mm2 * factor("area", name),
            "leakage_mw": row.leakage_mw * factor("leakage", name),
            "dynamic_mw": row.dynamic_mw * factor("energy", name),
        }
        for name, row in base.logic.items()
    }
    rows = [row.model_dump() for row in base.sram_rows]
    known = {(row.width, row.depth) for row in base.sram_rows}
    fit = tuple(sorted((r.width, r.depth, *sram_row(r)) for r in base.sram_rows))
    for name in (name for name in classes if name.startswith("sram ")):
        width, depth = (float(size) for size in name.removeprefix("sram ").split("x"))
        if (width, depth) not in known:
            area, leakage, read, write = fitted_sram(fit, width, depth)
            row = {"width": width, "depth": depth, "read_nj": read, "write_nj": write}
            rows.append(row | {"leakage_mw": [leakage / 4], "size_mm": [area, 1.0]})
    for row in rows:
        name = f"sram {row['width']:g}x{row['depth']:g}"
        row["size_mm"] = [row["size_mm"][0] * factor("area", name), row["size_mm"][1]]
        row["leakage_mw"] = [value * factor("leakage", name) for value in row["leakage_mw"]]
        row["read_nj"] *= factor("energy", name)
        row["write_nj"] *= factor("energy", name)
    switched = factor("energy", "dram")
    dram = {
        name: {"read_nj": access.read_nj * switched, "write_nj": access.write_nj * switched}
        for name, access in base.dram.items()
    }
    leakage = [value * factor("leakage", "dram") for value in base.dram_device.leakage_mw]
    device = base.dram_device.model_dump() | {"leakage_mw": leakage}
    memories = {"sram_rows": rows, "dram": dram, "dram_device": device}
    return {"extends": "45nm", "logic": logic, **memories}


def test_fifty_draws_are_full_evaluations(tmp_path):
    runs = pd.DataFrame(CHIPS, columns=["design", "variant", "array_height"])
    fitted = runs[:1].assign(array_height=4096)  # of which one SRAM is
    runs = pd.concat([runs, fitted], ignore_index=True).assign(**RUN, preset="corrected")
    runs["assumption.energy_scope"] = [*["on_chip"] * 2, *["with_dram_background"] * 3]
    found = linear(runs)
    assert found.fitted
    unsure = Unsure(load_costs(), found.classes, found.fitted)
    uniform = unsure.draw(DRAWS, seed=1)
    factors = {quantity: unsure.factors(uniform, quantity) for quantity in QUANTITIES}
    columns, tables = found.columns(factors), []
    for draw in range(DRAWS):
        path = tmp_path / f"{draw}.yaml"
        of_draw = {quantity: values[draw] for quantity, values in factors.items()}
        path.write_text(yaml.safe_dump(perturbed(list(found.classes), of_draw)))
        tables.append(runs.assign(technology=str(path)))
    full = evaluate(pd.concat(tables, ignore_index=True))
    assert not full["sram_fitted"].any()
    for name in BY_FACTOR:
        np.testing.assert_allclose(columns[name].ravel(), full[name], rtol=1e-9, err_msg=name)


def test_without_draws_it_is_the_evaluation():
    runs = pd.DataFrame(CHIPS, columns=["design", "variant", "array_height"])
    found = linear(runs.assign(**RUN, preset="as-published", noc_rows=2, noc_cols=2))
    ones = dict.fromkeys(QUANTITIES, np.ones((1, len(found.classes))))
    for name, values in found.columns(ones).items():
        np.testing.assert_allclose(values[0], found.runs[name], rtol=1e-12, err_msg=name)
