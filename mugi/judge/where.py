"""Where the paper's conclusions hold: Mugi against the best rival, over batch, length and size.

All chips are single nodes. Which size of a rival stands against Mugi, is its kind:

* `equal_area`: the largest that takes no more area than Mugi;
* `equal_peak`: the one whose multiply-accumulates a cycle are nearest to Mugi's, within PEAK_NEAR;
* `systolic_equal_peak`: of these the systolic array alone, which is the paper's own comparison;
* `tensor_core`: the paper's tensor core (8), whatever the size of Mugi.

Sizes are whole numbers (SIZES) and arrays stay square, as the designs are. Areas go in steps, since
words of SRAMs are powers of two wide. Where a kind has several rivals, the best in the metric
counts.
"""

from collections.abc import Sequence

import pandas as pd

from mugi import assumptions
from mugi.carbon import account_carbon
from mugi.errors import raise_all
from mugi.hardware import evaluate_hardware, expand, mistakes_by_run
from mugi.verdicts import ABOVE_A_TIE

MODELS = ("llama_2_70b_GQA", "llama_3_8b", "mixtral_8x7b", "gemma_3_27b")
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
LENGTHS = (128, 512, 2048, 4096, 8192, 32768, 131072)
HEIGHTS = (64, 128, 256, 512)
PAPER_POINT = {"model": MODELS[0], "batch_size": 8, "seq_len": 4096, "array_height": 256}
SIZES = {
    ("systolic", "mac"): range(2, 65),
    ("systolic", "figna"): range(2, 65),
    ("simd", "mac"): range(2, 65),
    ("simd", "figna"): range(2, 65),
    ("carat", ""): range(8, 1025, 8),
    ("tensor", ""): range(1, 9),
}
PEAK_NEAR = 0.1  # of the rival's peak over Mugi's, from 1
SYSTOLIC, TENSOR_CORE = ("systolic", "mac"), ("tensor", "", 8)
CHIP = ["design", "variant", "array_height"]
POINT = ["model", "batch_size", "seq_len"]
# metric -> a run's value, more being better
METRICS = {
    "throughput": lambda runs: runs["tokens_per_s"],
    "tokens_per_joule": lambda runs: runs["tokens_per_j_on_chip"],
    "tokens_per_joule_with_dram_traffic": lambda runs: (
        1 / (1 / runs["tokens_per_j_on_chip"] + runs["dram_energy_nj"] / 1e9 / runs["tokens"])
    ),
    "tokens_per_joule_with_dram": lambda runs: runs["tokens_per_j_with_dram"],
    "throughput_per_area": lambda runs: runs["tokens_per_s"] / runs["area_mm2"],
    "tokens_per_carbon": lambda runs: runs["tokens"] / runs["carbon_kgco2e"],
}


def where_it_holds(
    models: Sequence[str] = MODELS,
    batches: Sequence[int] = BATCHES,
    lengths: Sequence[int] = LENGTHS,
    heights: Sequence[int] = HEIGHTS,
    preset: str = assumptions.DEFAULT_PRESET,
) -> pd.DataFrame:
    """Return by how much Mugi leads the best rival, a row a point, kind of rival and metric.

    A point is a model, batch size, sequence length and array height of Mugi. `ratio` is Mugi's
    metric over that of the rival, whose design, variant, height and `area_ratio` (over Mugi's) are
    given; `holds` says that it leads by more than half a percent. Carbon is a run's, operational
    and its share of the manufacture; energy with DRAM has its background power. `dram_gb` (10^9
    bytes) is what weights and KV cache take, which nothing bounds here. A kind without a rival at
    a point has no row there. Raises InputError for models and sizes that cannot be evaluated.
    """
    check_points(models, batches, lengths, heights)
    pairs = rivals(heights, preset)
    chips = pd.concat([_mugis(heights), pairs[CHIP]]).drop_duplicates()
    points = expand([{"model": [*models], "batch_size": [*batches], "seq_len": [*lengths]}])
    scored = _scored(chips.merge(points, how="cross").assign(preset=preset))
    is_mugi = scored["design"] == "mugi"
    mugi = scored[is_mugi].drop(columns=["design", "variant"])
    against = pairs.merge(scored[~is_mugi].drop(columns="dram_gb"), on=CHIP)
    against = against.rename(columns={name: f"rival_{name}" for name in CHIP})
    against = against.rename(columns={"mugi_height": "array_height"})
    keys = [*POINT, "array_height"]
    table = mugi.merge(against, on=[*keys, "metric"], suffixes=("", "_of_rival"))
    table["ratio"] = table["score"] / table["score_of_rival"]
    table["area_ratio"] = table["area_mm2_of_rival"] / table["area_mm2"]
    by = [*keys, "rival_kind", "metric"]
    best = table.loc[table.groupby(by, sort=False)["ratio"].idxmin()]
    paper = [best[key] == value for key, value in PAPER_POINT.items()]
    best = best.assign(
        preset=preset,
        holds=best["ratio"] >= ABOVE_A_TIE,
        is_paper_point=pd.concat(paper, axis=1).all(axis=1),
    )
    rival = [f"rival_{name}" for name in CHIP]
    orders = {"model": models, "rival_kind": KINDS, "metric": METRICS}
    ordered = best.astype({name: pd.CategoricalDtype([*order]) for name, order in orders.items()})
    ordered = ordered.sort_values(by).astype(dict.fromkeys(orders, str))
    columns = [*keys, "preset", "rival_kind", "metric", *rival, "area_ratio", "ratio"]
    return ordered[[*columns, "holds", "is_paper_point", "dram_gb"]].reset_index(drop=True)


def check_points(
    models: Sequence[str], batches: Sequence[int], lengths: Sequence[int], heights: Sequence[int]
) -> None:
    """Raise InputError for every mistake in the points of a map."""
    named = {"model": models, "batch_size": batches, "seq_len": lengths, "array_height": heights}
    raise_all([f"{name}: twice the same" for name, of in named.items() if len({*of}) < len(of)])
    grid = {"design": "mugi", "model": [*models], "batch_size": [*batches], "seq_len": [*lengths]}
    found = mistakes_by_run(expand([grid | {"array_height": [*heights]}]))
    raise_all(list(dict.fromkeys(mistake for _, mistake in found)))


def rivals(heights: Sequence[int], preset: str = assumptions.DEFAULT_PRESET) -> pd.DataFrame:
    """Return which chips stand against Mugi of which height (`mugi_height`), and as what kind."""
    sizes = [(*name, height) for name, among in SIZES.items() for height in among]
    chips = pd.concat([_mugis(heights), pd.DataFrame(sizes, columns=CHIP)], ignore_index=True)
    # any run says what they take and how many products a cycle they do; a short one soonest
    run = {"model": MODELS[1], "batch_size": 8, "seq_len": 65, "preset": preset}
    runs = evaluate_hardware(runs=chips.assign(**run))
    chips["area"] = runs["area_mm2"]
    chips["peak"] = runs["macs"] / (runs["array_utilization"] * runs["cycles"])
    mugis, others = chips[: len(heights)], chips[len(heights) :]
    pairs = []
    for mugi in mugis.itertuples():
        for kind, chosen in KINDS.items():
            picked = chosen(others, mugi)
            pairs.append(picked[CHIP].assign(rival_kind=kind, mugi_height=mugi.array_height))
    return pd.concat(pairs, ignore_index=True)


def _equal_area(others: pd.DataFrame, mugi) -> pd.DataFrame:
    fitting = others[others["area"] <= mugi.area]
    return fitting.loc[fitting.groupby(["design", "variant"], sort=False)["peak"].idxmax()]


def _equal_peak(others: pd.DataFrame, mugi) -> pd.DataFrame:
    distance = (others["peak"] / mugi.peak - 1).abs()
    nearest = distance.groupby([others["design"], others["variant"]], sort=False).idxmin()
    return others.loc[nearest[distance[nearest].to_numpy() <= PEAK_NEAR]]


def _systolic(others: pd.DataFrame, mugi) -> pd.DataFrame:
    design, variant = SYSTOLIC
    alone = (others["design"] == design) & (others["variant"] == variant)
    return _equal_peak(others[alone], mugi)


def _tensor_core(others: pd.DataFrame, mugi) -> pd.DataFrame:
    return others[(others[CHIP] == list(TENSOR_CORE)).all(axis=1)]


# kind -> which chips of all stand against one of Mugi
KINDS = {
    "equal_area": _equal_area,
    "equal_peak": _equal_peak,
    "systolic_equal_peak": _systolic,
    "tensor_core": _tensor_core,
}


def _mugis(heights: Sequence[int]) -> pd.DataFrame:
    return pd.DataFrame([("mugi", "vlp", height) for height in heights], columns=CHIP)


def _scored(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the metrics of runs, a row a run and metric: more of the `score` is better."""
    results = evaluate_hardware(runs=runs)
    carbon = account_carbon(results, presets=results["preset"].iloc[0])
    total = carbon.loc[carbon["event"] == "total", [*CHIP, *POINT, "carbon_kgco2e"]]
    results = results.merge(total, on=[*CHIP, *POINT], validate="1:1")
    results["dram_gb"] = (results["weight_bytes"] + results["kv_cache_bytes"]) / 1e9
    scores = [
        results[[*CHIP, *POINT, "area_mm2", "dram_gb"]].assign(metric=name, score=score(results))
        for name, score in METRICS.items()
    ]
    return pd.concat(scores, ignore_index=True)
