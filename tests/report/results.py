"""A small folder of results with every table that the report reads, in their columns."""

import json
from pathlib import Path

import pandas as pd
from PIL import Image

from mugi.documents import read_yaml
from mugi.files import write_table, write_text

CONFIG = Path(__file__).parents[2] / "config.yaml"
CLAIMS = [
    # id, location, printed, computed, corrected, comparison, correction
    ("ABS-3", "Abstract", "2.07", 2.0664, 2.064, "within tolerance", "holds"),
    ("ABS-4", "Abstract", "3.11", 3.1069, 1.5347, "within tolerance", "shrinks"),
    ("ABS-6", "Abstract", "1.48", 1.477, 0.818, "within tolerance", "reverses"),
    ("LLM-3", "§6.3.1", "2.07", 2.0664, 2.064, "within tolerance", "holds"),
    ("F8-1a", "§3.4", "22", 22.0, "", "equal at the printed precision", "not a result"),
    ("F6-Llama27B-VLP", "§3.4", "6.21", "", "", "not reproducible here", "no verdict"),
]
TARGETS = {"F8-1a": "approximations", "F6-Llama27B-VLP": "table_accuracy", "ABS-6": "carbon"}
MARKUP = "</script><b>gain & loss</b> | of \"x\" 'y'"  # what a ledger may say


def claims() -> pd.DataFrame:
    """Return judged claims."""
    rows = []
    for name, location, printed, computed, corrected, comparison, correction in CLAIMS:
        change = f"{corrected:.2f} instead of {printed}" if corrected else ""
        row = {"id": name, "location": location, "statement": f"What {name} says", "unit": "x"}
        row |= {"design": "Mugi(256)", "baseline": "SA(16)", "printed": printed}
        row |= {"computed": computed, "corrected": corrected, "comparison": comparison}
        row |= {"correction": correction, "change": change, "depends_on": ""}
        row |= {"by_one_choice": "1.1 (ws_load_rows=sram_width) to 2.9" * (name == "ABS-3")}
        row |= {"moved_by": "most by ws_load_rows" * (name == "ABS-3")}
        row |= {
            "judged_on": "llama_2_70b_GQA",
            "reason": MARKUP,
            "note": "",
            "also": "",
            "source": "Fig. 16",
        }
        row |= {"target": TARGETS.get(name, "hardware"), "conclusion": f"C-{location[-1]}"}
        rows.append(row)
    return pd.DataFrame(rows)


def conclusions() -> pd.DataFrame:
    """Return conclusions that these claims carry."""
    rows = [
        ("C-t", "Abstract", "Mugi gains throughput.", "ABS-3; LLM-3", "holds", "2.07 stays 2.06."),
        ("C-e", "Abstract", "Mugi saves energy.", "ABS-4", "shrinks", "3.11 becomes 1.53."),
        ("C-1", "§6.3.1", "Mugi saves carbon.", "ABS-6", "reverses", "1.48 becomes 0.82."),
    ]
    columns = ["conclusion", "section", "sentence", "claims", "verdict", "in_words"]
    numbers = {"printed": ["2.07; 2.07", "3.11", "1.48"], "computed": "2; 2", "corrected": "2"}
    return pd.DataFrame(rows, columns=columns).assign(**numbers)


def switches() -> pd.DataFrame:
    """Return what single switches do."""
    rows = [
        ("ABS-3", "as-published", "ws_load_rows", "sram_width", 1.1, 2.0664),
        ("ABS-3", "corrected", "ws_load_rows", "sram_width", 1.1, 2.064),
        ("ABS-3", "corrected", "ws_timing", "serial", 2.9, 2.064),
        ("ABS-4", "corrected", "energy_scope", "with_dram", 1.06, 1.5347),
        ("ABS-4", "corrected", "row_storage", "as_built", 1.2037, 1.5347),
    ]
    columns = ["claim", "base", "assumption", "value", "computed", "base_value"]
    return pd.DataFrame(rows, columns=columns)


def curve() -> pd.DataFrame:
    """Return how the abstract fares over universes."""
    shares = ["share_above_1", "share_within_5_percent", "share_below_as_published"]
    columns = ["claim", "universes", "printed", "as_published", "corrected", *shares]
    columns += ["least", "p05", "median", "p95", "most"]
    rows = [
        ("ABS-3", 2000, 2.07, 2.066, 2.064, 1.0, 0.47, 0.74, 1.04, 1.05, 1.97, 3.03, 3.04),
        ("ABS-6", 2000, 1.48, 1.477, 0.818, 0.228, 0.08, 0.94, 0.52, 0.76, 0.82, 1.73, 1.93),
    ]
    return pd.DataFrame(rows, columns=columns)


def arrays() -> pd.DataFrame:
    """Return three arrays, of which the paper has two, and of one a part is not listed."""
    rows = [
        ("Mugi (256)", 256.0, 256.0, 320.0, 256.0),
        ("SA (16)", 200.0, 200.0, 160.0, 160.0),
        ("SA, BF16×INT4 (16)", "", "", 120.0, 120.0),
    ]
    areas = ["published_adders", "corrected_adders", "open_adders", "listed_adders"]
    return pd.DataFrame(rows, columns=["label", *areas])


def parts() -> pd.DataFrame:
    """Return the parts of these arrays, of which one is not listed."""
    rows = [
        ("Mugi (256)", "adders", False, 256.0),
        ("Mugi (256)", "partial_sums", True, 64.0),
        ("SA (16)", "elements", False, 160.0),
        ("SA, BF16×INT4 (16)", "elements", False, 120.0),
    ]
    return pd.DataFrame(rows, columns=["label", "part", "missing", "open_adders"])


def units() -> pd.DataFrame:
    """Return units beside published components."""
    rows = [
        ("bf16_adder", "adderbf16", True, 1.0, 1.0, 1.0, ""),
        ("register", "register", True, 0.9, 1.0, 0.9, ""),
        ("fifo", "fifo", True, 0.5, 1.0, 0.5, ""),
        ("pe", "gates", False, 4.0, 1.0, 4.0, "Two."),
    ]
    columns = [
        "unit",
        "components",
        "alone",
        "open_adders",
        "published_adders",
        "open_over_published",
    ]
    return pd.DataFrame(rows, columns=[*columns, "note"])


def indices() -> pd.DataFrame:
    """Return what explains the spread."""
    rows = [
        ("ABS-3", "ws_load_rows", 0.45, 0.42, 0.48),
        ("ABS-3", "ws_timing", 0.26, 0.23, 0.29),
        ("ABS-3", "ws_load_rows * ws_timing", 0.28, 0.25, 0.3),
    ]
    return pd.DataFrame(rows, columns=["claim", "assumption", "first_order", "low", "high"])


def sure() -> pd.DataFrame:
    """Return leads with intervals: one ahead, one level, one without an interval."""
    columns = ["metric", "design", "rival", "model", "value", "low", "high"]
    rows = [
        ("ABS-3", "Mugi(256)", "SA(16)", "", 2.064, 2.064, 2.064, 1.0, 0.0),
        ("ABS-4", "Mugi(256)", "SA(16)", "", 1.5347, 1.4456, 1.6320, 1.0, 0.0),
        ("area", "Mugi (256)", "SA (16)", "llama_2_7b", 1.0, 0.9, 1.1, 0.4, 0.4),
    ]
    return pd.DataFrame(rows, columns=[*columns, "probability", "probability_behind"])


def variance() -> pd.DataFrame:
    """Return what the spread of a lead is made of."""
    rows = [
        ("ABS-4", "SA(16)", "sram", 0.2, 0.25),
        ("ABS-4", "SA(16)", "synthesis, shared", 0.7, 0.75),
    ]
    return pd.DataFrame(rows, columns=["metric", "rival", "source", "share", "total"])


def where() -> pd.DataFrame:
    """Return where Mugi leads, at two points."""
    columns = ["model", "batch_size", "seq_len", "array_height", "rival_kind", "metric"]
    rows = [
        ("llama_2_70b_GQA", 8, 4096, 256, "equal_area", "throughput", 2.06, True, True),
        ("llama_2_70b_GQA", 16, 4096, 256, "equal_area", "throughput", 0.9, False, False),
    ]
    return pd.DataFrame(rows, columns=[*columns, "ratio", "holds", "is_paper_point"])


def break_even() -> pd.DataFrame:
    """Return when use outweighs making, on two grids."""
    columns = ["design", "variant", "array_height", "energy_scope", "cpa", "grid"]
    rows = [
        ("mugi", "vlp", 256, "on_chip", "energy_only", "wind", 3.63, 7.98),
        ("mugi", "vlp", 256, "on_chip", "energy_only", "coal", 0.05, 7.98),
    ]
    return pd.DataFrame(rows, columns=[*columns, "break_even_years", "break_even_g_per_kwh"])


def stand() -> pd.DataFrame:
    """Return a cost that is told from 0, and one without an interval."""
    columns = ["model", "corpus", "approximation", "metric", "reference", "value", "low", "high"]
    cost = ["smollm2_135m", "prose", "softmax=vlp:lut=10", "added_log_loss_nats", "exact"]
    rows = [
        (*cost, 0.0034, 0.0001, 0.0066, 17, "told from 0"),
        (*cost[:1], "pydoc", *cost[2:], 0.0034, "", "", 1, "one sequence, no interval"),
    ]
    return pd.DataFrame(rows, columns=[*columns, "sequences", "what_it_says"])


def accuracy() -> pd.DataFrame:
    """Return accuracy of a model under two approximations."""
    rows = []
    for methods, values in {
        ("native", "native"): {("token_perplexity", ""): 27.3},
        ("exact", "exact"): {
            ("token_perplexity", ""): 27.3,
            ("kl_divergence_nats", "native"): 1e-4,
        },
        ("vlp:lut=10,max_exp=3", "vlp:lut=11,max_exp=2"): {
            ("token_perplexity", ""): 27.4,
            ("kl_divergence_nats", "exact"): 0.004,
            ("log_loss_nats_difference", "exact"): 0.0034,
        },
    }.items():
        for (metric, reference), value in values.items():
            row = {"model": "smollm2_135m", "softmax": methods[0], "activation": methods[1]}
            row |= {"woq": "native", "kvq": "native", "task": "prose", "metric": metric}
            row |= {"reference": reference, "value": value, "ci_low": value - 1e-3}
            row |= {"ci_high": value + 1e-3, "dtype": "float32", "documents": 17}
            rows.append(row)
    return pd.DataFrame(rows)


TABLES = {
    "claims/claims.csv": claims,
    "claims/conclusions.csv": conclusions,
    "judge/switches.csv": switches,
    "judge/curve.csv": curve,
    "judge/curve_in_gates.csv": curve,
    "gates/arrays.csv": arrays,
    "gates/parts.csv": parts,
    "gates/units.csv": units,
    "judge/indices.csv": indices,
    "judge/sure.csv": sure,
    "judge/variance.csv": variance,
    "judge/where.csv": where,
    "judge/breakeven.csv": break_even,
    "judge/accuracy.csv": stand,
    "accuracy/accuracy.csv": accuracy,
    "hardware/hardware.csv": lambda: pd.DataFrame({"design": ["mugi"], "tokens_per_s": [1.0]}),
    "figures/fig16.csv": lambda: pd.DataFrame({"chip": ["M"], "value": [1.0]}),
    "tables/table2.csv": lambda: pd.DataFrame({"part": ["array", "sram"], "mm2": [0.123456, 2.0]}),
}


def small_results(folder: Path) -> Path:
    """Write the results and return their folder."""
    for path, made in TABLES.items():
        write_table(made(), folder / path)
    Image.new("RGB", (8, 8), "white").save(folder / "figures" / "fig16.png")
    write_text(folder / "figures" / "fig16.pdf", "a picture\n")
    manifest = {"mugi": "0.1.0", "commit": "c0ffee", "changed_files": ["README.md"], "dirty": True}
    manifest |= {"packages": {"numpy": "2.0"}, "config": read_yaml(CONFIG).content}
    write_text(folder / "manifest.json", json.dumps(manifest))
    for rule, seconds in {"evaluate_hardware": 4.0, "account_carbon": 2.0}.items():
        heading = "s\th:m:s\tmax_rss"
        write_text(folder / "benchmarks" / f"{rule}.tsv", f"{heading}\n{seconds}\t0:00\t250.5\n")
        write_text(folder / "logs" / f"{rule}.log", "done\n")
    return folder
