"""One evaluated run as text: time and energy by group, area and energy by component."""

import math

import pandas as pd

from mugi.hardware.runs import PREFIX
from mugi.hardware.workload import GROUPS


def describe(result: pd.Series, parts: pd.DataFrame) -> str:
    """Return a run's results: `result` is a row of `evaluate`, `parts` its `breakdown`."""
    name = " ".join(str(result[key]) for key in ("design", "variant") if result[key])
    nodes = f", {result['noc_rows']}x{result['noc_cols']} nodes" if result["nodes"] > 1 else ""
    flips = [key for key in result.index if key.startswith(PREFIX) and result[key] != ""]
    flips = "".join(f", {key.removeprefix(PREFIX)}={result[key]}" for key in flips)
    lines = [
        f"{name} {result['array_height']}x{result['array_width']}{nodes},"
        f" preset {result['preset']}{flips}",
        f"{result['model']}, {result['kv_heads']} KV heads, batch {result['batch_size']},"
        f" {result['seq_len']} tokens a sequence ({result['prompt_len']} of the prompt)",
        f"{result['layers']} layers, {_short(result['parameters'])} parameters"
        f" ({_short(result['active_parameters'])} active), "
        f"{_short(result['macs'] / (result['batch_size'] * result['seq_len']))} MACs a token,"
        f" {_short(result['weight_bytes'], 'B')} of weights,"
        f" {_short(result['kv_cache_bytes'], 'B')} of KV"
        " cache",
        "",
        f"throughput        {result['tokens_per_s']:12.5g} tokens/s"
        f"   ({result['tokens']:.5g} tokens in {result['runtime_s']:.5g} s)",
        f"first token       {result['time_to_first_token_s']:12.5g} s"
        f"          ({result['prefill_energy_j']:.5g} J)",
        f"each further one  {result['time_per_output_token_s']:12.5g} s"
        f"          ({result['energy_per_output_token_j']:.5g} J a sequence)",
        f"array in use      {100 * result['array_utilization']:12.5g} %",
        f"area              {result['area_mm2']:12.5g} mm2",
        f"leakage           {result['leakage_mw']:12.5g} mW",
        *_energy(result),
        "",
    ]
    groups = pd.DataFrame(
        {
            "time [s]": [result[f"runtime_{group}_s"] for group in GROUPS],
            "on-chip dynamic [J]": [
                result[f"dynamic_energy_{group}_nj"] * 1e-9 for group in GROUPS
            ],
            "DRAM dynamic [J]": [result[f"dram_energy_{group}_nj"] * 1e-9 for group in GROUPS],
        },
        index=list(GROUPS),
    )
    lines += [*_table(groups, "operations"), ""]
    chip = parts[parts["level"] != "dram"]
    components = pd.DataFrame(
        {
            "area [mm2]": chip["area_mm2"].to_numpy(),
            "leakage [mW]": chip["leakage_mw"].to_numpy(),
            "dynamic [J]": chip["dynamic_energy_nj"].to_numpy() * 1e-9,
        },
        index=chip["tag"].to_numpy(),
    )
    lines += [*_table(components.groupby(level=0, sort=False).sum(), "tag"), ""]
    components.index = chip["component"].to_numpy()
    return "\n".join([*lines, *_table(components, "component")])


def _short(number: float, unit: str = "") -> str:
    """Return a number with a decimal prefix: 4.02e9 is 4.02 G."""
    power = min(max(0, int(math.log10(number) // 3)), 5) if number else 0
    return f"{number / 1000**power:.4g} {['', 'k', 'M', 'G', 'T', 'P'][power]}{unit}".rstrip()


def _energy(result: pd.Series) -> list[str]:
    """Return what the energy of a run is made of, and its efficiencies with and without DRAM.

    The paper's two efficiencies count what the assumption energy_scope says: the chip alone, by
    default.
    """
    runtime = result["runtime_s"]
    energies = {
        "on-chip energy": (result["dynamic_energy_nj"], result["leakage_mw"], "leakage"),
        "DRAM energy": (result["dram_energy_nj"], result["dram_leakage_mw"], "background"),
    }
    lines = []
    for name, (dynamic_nj, static_mw, static) in energies.items():
        dynamic, idle = dynamic_nj * 1e-9, static_mw * 1e-3 * runtime
        parts = f"(dynamic {dynamic:.5g}, {static} {idle:.5g})"
        lines.append(f"{name:18}{dynamic + idle:12.5g} J          {parts}")
    return [
        *lines,
        f"tokens per joule  {result['tokens_per_j_on_chip']:12.5g} on chip    "
        f"{result['tokens_per_j_with_dram']:12.5g} with DRAM",
        "the paper's names, of what the assumption energy_scope counts"
        f" ({result['total_energy_j']:.5g} J):",
        f"power efficiency  {result['tokens_per_j']:12.5g} tokens/J",
        f"energy efficiency {result['tokens_per_s_per_j']:12.5g} tokens/s/J",
    ]


def _table(values: pd.DataFrame, heading: str) -> list[str]:
    """Return aligned lines with a total row and each column's share of it."""
    values = pd.concat([values, values.sum().to_frame("total").T])
    left = max(len(heading), *(len(name) for name in values.index))
    lines = [heading.ljust(left) + "".join(f"{name:>20}{'':7}" for name in values)]
    total = values.iloc[-1]
    for name, row in zip(values.index, values.to_numpy(), strict=True):
        cells = (
            f"{value:20.6g}{100 * value / whole if whole else 0:6.1f}%"
            for value, whole in zip(row, total, strict=True)
        )
        lines.append(name.ljust(left) + "".join(cells))
    return lines
