"""What the spread of Mugi's leads is made of: shares of its variance by source (Sobol, SALib)."""

import numpy as np
import pandas as pd

from mugi import assumptions
from mugi.errors import InputError
from mugi.judge.costs import Costs
from mugi.judge.multiverse import HEADLINES
from mugi.judge.sure import HEADLINE, KEYS, SEED, Study, check_count, rounded

SAMPLES = 1024  # of Sobol's sequence, times the sources of variance and two
MOST = 1 << 13  # in 3 GB
SPREADS = 1e-9  # relative: less is rounding


def variance_shares(
    samples: int = SAMPLES,
    seed: int = SEED,
    preset: str = assumptions.DEFAULT_PRESET,
    costs: Costs | None = None,
) -> pd.DataFrame:
    """Return what share of the variance of a lead each source of it explains, a row a source.

    Leads are the abstract's claims and those of HEADLINE; one that does not spread has no rows.
    `share` is Sobol's first-order index and `total` that with all interactions (SALib, sample of
    Saltelli), `share_half_width` and `total_half_width` half of their 95 % bootstrap intervals.
    Raises InputError for `samples` that are no power of two and for a seed below 0.
    """
    from SALib.analyze import sobol  # starts what no other part of `mugi judge` needs
    from SALib.sample import sobol as saltelli

    check_count(samples, "samples", seed, most=MOST)
    if samples & (samples - 1):
        raise InputError(f"samples must be a power of two, not {samples}")
    study = Study.of(preset, costs)
    sources = list(study.unsure.columns.values())
    problem = {
        "num_vars": len(sources),
        "names": [f"x{place}" for place in range(len(sources))],
        "groups": sources,
        "bounds": [[0, 1]] * len(sources),
    }
    uniform = saltelli.sample(problem, samples, calc_second_order=False, seed=seed)
    rows = []
    for key, lead in study.leads(uniform).items():
        of_headline = dict(zip(KEYS, key, strict=True)).items() >= HEADLINE.items()
        spreads = np.ptp(lead) > SPREADS * lead.mean()
        if not spreads or not (key[0] in HEADLINES or of_headline):
            continue
        # its bootstrap takes a seed of 0 for none
        found = sobol.analyze(problem, lead, calc_second_order=False, seed=seed + 1)
        named = dict.fromkeys(sources)
        indices = [found[name] for name in ("S1", "S1_conf", "ST", "ST_conf")]
        rows += [[*key, preset, *row] for row in zip(named, *indices, strict=True)]
    measured = ["share", "share_half_width", "total", "total_half_width"]
    return rounded(pd.DataFrame(rows, columns=[*KEYS, "preset", "source", *measured]))
