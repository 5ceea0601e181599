"""How sure the paper's conclusions are where unit costs and constants of carbon are not.

Costs are drawn (`costs`), runs computed in all draws at once (`linear`), and the abstract's claims
and Mugi's lead over each rival are read from them. Times do not depend on unit costs: what makes
them unsure is looked at in `multiverse`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from mugi import assumptions, carbon
from mugi.errors import Mistake, raise_all
from mugi.hardware import expand
from mugi.judge.costs import QUANTITIES, Costs, Unsure, load_costs
from mugi.judge.linear import Linear, linear
from mugi.judge.multiverse import HEADLINES
from mugi.judge.universes import needed, values
from mugi.ledger import Claim, load_ledger
from mugi.verdicts import ABOVE_A_TIE

MODELS = ("llama_2_7b", "llama_2_13b", "llama_2_70b", "llama_2_70b_GQA")
CHIPS = {
    "Mugi (256)": ("mugi", "vlp", 256),
    "Mugi-L (256)": ("mugi", "lut", 256),
    "SA (16)": ("systolic", "mac", 16),
    "SA-F (16)": ("systolic", "figna", 16),
    "SD (16)": ("simd", "mac", 16),
    "SD-F (16)": ("simd", "figna", 16),
    "Carat (256)": ("carat", "", 256),
    "Tensor (8)": ("tensor", "", 8),
}
MUGI, *RIVALS = CHIPS
PAPER = {"batch_size": 8, "seq_len": 4096}
HEADLINE = {"rival": "SA (16)", "model": "llama_2_70b_GQA"}  # of the abstract's LLM figures
DRAWS, SEED = 10_000, 0
MOST = 100_000  # draws, in 2 GB
DIGITS = 6  # significant: the last ones of exponentials and sums differ between processors
KEYS = ["metric", "design", "rival", "model"]


def how_sure(
    draws: int = DRAWS,
    seed: int = SEED,
    preset: str = assumptions.DEFAULT_PRESET,
    costs: Costs | None = None,
) -> pd.DataFrame:
    """Return how far Mugi's leads spread over draws of what is unsure, a row a lead.

    A lead is a claim of the abstract (`metric` is its id), or Mugi's value over a rival's, or the
    rival's over Mugi's where less is better: above 1 Mugi is ahead. `value` is that of the preset,
    `low`, `median` and `high` are quantiles of the draws (2.5, 50 and 97.5 %), `probability` and
    `probability_behind` the shares of draws in which it is ahead and behind by more than half a
    percent; what is left is level. `costs` are the package's if left out. Raises InputError for
    fewer than 2 draws or more than MOST, and a seed below 0.
    """
    check_count(draws, "draws", seed)
    study = Study.of(preset, costs)
    uniform = study.unsure.draw(draws, seed)
    preset_leads, rows = study.leads(None), []
    for key, lead in study.leads(uniform).items():
        low, median, high = np.quantile(lead, [0.025, 0.5, 0.975])
        told = (lead >= ABOVE_A_TIE).mean(), (lead <= 1 / ABOVE_A_TIE).mean()
        rows.append([*key, preset, preset_leads[key][0], low, median, high, *told])
    columns = [*KEYS, "preset", "value", "low", "median", "high"]
    columns += ["probability", "probability_behind"]
    return rounded(pd.DataFrame(rows, columns=columns)).assign(draws=draws)


@dataclass(frozen=True)
class Study:
    """The runs of CHIPS and MODELS as sums of unit costs, what is unsure of these, and claims."""

    linear: Linear
    unsure: Unsure
    rules: Mapping[str, assumptions.Value]
    claims: Mapping[str, Claim]

    @classmethod
    def of(cls, preset: str, costs: Costs | None = None) -> "Study":
        """Return the study of a preset; the package's spreads if no other are given."""
        runs, claims = _studied(preset)
        unsure = Unsure(costs or load_costs(), runs.classes, runs.fitted)
        return cls(runs, unsure, assumptions.preset(preset), claims)

    def leads(self, uniform: np.ndarray | None) -> dict[tuple, np.ndarray]:
        """Return every lead by its KEYS, one number a draw; of the preset's costs without draws."""
        if uniform is None:
            factors = dict.fromkeys(QUANTITIES, np.ones((1, len(self.linear.classes))))
        else:
            factors = {quantity: self.unsure.factors(uniform, quantity) for quantity in QUANTITIES}
        columns = self.linear.columns(factors)
        found = {}
        for name, lead in self._claims(columns).items():
            claim = self.claims[name]
            found[name, claim.design, claim.baseline, ""] = lead
        names = {chip: name for name, chip in CHIPS.items()}
        chips = self.linear.runs[["design", "variant", "array_height"]].itertuples(index=False)
        place = {
            (names[tuple(chip)], model): run
            for run, (chip, model) in enumerate(zip(chips, self.linear.runs["model"], strict=True))
        }
        for metric, numbers in self._metrics(columns, self._constants(uniform)).items():
            for rival in RIVALS:
                for model in MODELS:
                    lead = numbers[:, place[MUGI, model]] / numbers[:, place[rival, model]]
                    found[metric, MUGI, rival, model] = lead
        return found

    def _constants(self, uniform: np.ndarray | None) -> dict[str, object]:
        """Return the constants of carbon, (draws, 1) each, or those of the preset."""
        if uniform is not None:
            names = type(self.unsure.costs.constants).model_fields
            return {name: self.unsure.constant(uniform, name)[:, None] for name in names}
        rules = self.rules
        fab = rules["fab_carbon_intensity"]
        return {
            "carbon_intensity": rules["carbon_intensity"],
            "fab_carbon_intensity": rules["carbon_intensity"] if fab == "as_used" else fab,
            "epa_mj_per_mm2": rules["epa_mj_per_mm2"],
            "working_share_of_dies": 1.0,  # Eq. 6 has none
        }

    def _metrics(self, columns: Mapping, constants: Mapping) -> dict[str, np.ndarray]:
        """Return (draws, runs) of each metric, more being better."""
        runs, rules, area = self.linear.runs, self.rules, columns["area_mm2"]
        seconds, tokens = (runs[name].to_numpy(float) for name in ("runtime_s", "tokens"))
        speed = np.broadcast_to(tokens / seconds, area.shape)
        life_s = rules["lifetime_years"] * carbon.CONSTANTS.seconds_per_year.value
        made_g = carbon.g_per_mm2({**rules, "cpa": "energy_only", **constants})
        embodied_g = made_g / constants["working_share_of_dies"] * area * seconds / life_s
        chip_j = tokens / columns["tokens_per_j_on_chip"]
        kwh = columns["total_energy_j"] * rules["pue"] / carbon.CONSTANTS.joules_per_kwh.value
        return {
            "throughput": speed,
            "tokens_per_joule": columns["tokens_per_j_on_chip"],
            "tokens_per_joule_with_dram_traffic": tokens
            / (chip_j + columns["dram_energy_nj"] / 1e9),
            "tokens_per_joule_with_dram": columns["tokens_per_j_with_dram"],
            "area": 1 / area,
            "throughput_per_area": speed / area,
            "embodied_carbon": 1 / embodied_g,
            "tokens_per_carbon": tokens / (constants["carbon_intensity"] * kwh + embodied_g),
        }

    def _claims(self, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return each claim's value in every draw."""
        runs, found = self.linear.runs, {}
        draws = len(columns["area_mm2"])
        for name, claim in self.claims.items():
            places = needed([claim], runs.assign(place=runs.index))["place"].to_numpy()
            expressions = filter(None, (claim.column, claim.corrected_column))
            used = {*carbon.RUN, *carbon.NUMBERS, *carbon.DRAM}.union(
                *(e.names for e in expressions)
            )
            table = runs.loc[np.tile(places, draws), [key for key in runs if key in used]]
            costed = {key: columns[key][:, places].ravel() for key in used & columns.keys()}
            draw = np.repeat(np.arange(draws), len(places))
            table = table.assign(**costed, universe=draw).reset_index(drop=True)
            if claim.table == "carbon":
                preset = runs["preset"].iloc[0]
                # the number of a draw stands in place of a key that all runs share
                table = carbon.account_carbon(table.assign(technology=draw), presets=preset)
                table = table.assign(universe=table["technology"].astype(int))
            found[name] = values(claim, {claim.table: table}, [self.rules] * draws)
        return found


@cache
def _studied(preset: str) -> tuple[Linear, dict[str, Claim]]:
    """Return the runs of a study and its claims, which are the package's."""
    grids = [
        {"design": design, "variant": variant, "array_height": height, "model": list(MODELS)}
        for design, variant, height in CHIPS.values()
    ]
    ledger = load_ledger()
    claims = {name: ledger[name] for name in HEADLINES if name in ledger}
    return linear(expand(grids).assign(**PAPER, preset=preset)), claims


def check_count(count: int, name: str, seed: int, most: int = MOST) -> None:
    """Raise InputError for fewer draws or samples than 2 or more than `most`, and for a seed that
    is none."""
    mistakes = []
    for what, number, low, high in ((name, count, 2, most), ("seed", seed, 0, 2**31)):
        if number < low:
            mistakes.append(Mistake(f"{what} must be at least {low}, not {number}"))
        elif number > high:
            mistakes.append(Mistake(f"{what} must be at most {high:,}, not {number}"))
    raise_all(mistakes)


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with its numbers to DIGITS significant digits."""
    numbers = table.select_dtypes("float").columns
    return table.assign(**{n: table[n].map(lambda x: float(f"{x:.{DIGITS}g}")) for n in numbers})
