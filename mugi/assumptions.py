"""Every place where the published hardware model is silent or wrong, as a switch.

The branch of a switch stands where its formula is: in the YAML of the designs or a function of
`mugi.hardware`, in `mugi.carbon`, or in the script of a figure. `published` reproduces the paper's
numbers; the preset `corrected` sets every error and omission right and leaves choices as published.
"""

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mugi.errors import InputError, nearest, unknown

PRESETS = ("as-published", "corrected")
Value = str | int | float


@dataclass(frozen=True)
class Assumption:
    """A switch. `others` are further values; `interval` admits any number in a closed range.

    `kind` is error (contradicts the paper or arithmetic), omission (something that costs time or
    energy is left out) or choice (defensible, or the truth is not known). `stage` is where it acts:
    in `mugi evaluate`, in `mugi carbon`, or in the scripts of the figures, which all read it from
    the column `assumption.<name>` of their table.
    """

    name: str
    kind: str
    published: Value
    corrected: Value
    others: tuple[Value, ...]
    reason: str
    source: str
    interval: tuple[float, float] | None = None
    stage: str = "evaluate"

    @property
    def choices(self) -> tuple[Value, ...]:
        """Return the named values, the published one first."""
        return tuple(dict.fromkeys((self.published, self.corrected, *self.others)))

    def parse(self, value: object) -> Value | None:
        """Return the allowed value that `value` spells, or None."""
        for allowed in self.choices:
            if value == allowed or str(value) == str(allowed):
                return allowed
        try:
            number = float(value)
        except (TypeError, ValueError):
            return None
        for allowed in self.choices:
            if isinstance(allowed, int | float) and number == allowed:
                return allowed
        low, high = self.interval or (1, 0)
        return number if low <= number <= high else None

    @property
    def allowed(self) -> str:
        """Return the allowed values in words."""
        names = ", ".join(map(str, self.choices))
        if not self.interval:
            return names
        return f"{names} or a number from {self.interval[0]:g} to {self.interval[1]:g}"


def _error(name, published, corrected, *others, reason, source, stage="evaluate"):
    return Assumption(name, "error", published, corrected, others, reason, source, stage=stage)


def _omission(name, published, corrected, *others, reason, source, interval=None, stage="evaluate"):
    return Assumption(
        name, "omission", published, corrected, others, reason, source, interval, stage
    )


def _choice(name, published, *others, reason, source, interval=None, stage="evaluate"):
    return Assumption(name, "choice", published, published, others, reason, source, interval, stage)


_ALL = (
    # Workload
    _error(
        "decode_steps", "fixed_4096", "sequence",
        reason="A run of 128 positions cannot need 4096 projection steps.",
        source="paper §5.1, Table 1",
    ),
    _omission(
        "lm_head_decode", "once", "every_step",
        reason="Every generated token needs its logits.",
        source="published artifact, workload graph",
    ),
    _choice(
        "lm_head_prefill", "all_positions", "last_position",
        reason="Serving needs the logits of the last position only; scoring needs all.",
        source="published artifact, workload graph",
    ),
    _choice(
        "mha_70b_kv_heads", 64, 8,
        reason="Llama 2 70B has 8 KV heads; the paper plots a variant without sharing on purpose.",
        source="paper Table 1",
    ),
    # Time
    _error(
        "dram_time", "none", "per_op", "whole_run",
        reason="A DRAM rate in bit/s is used as bit/cycle, so memory never bounds; an operation's"
        " transfers overlap its compute; buffers hold a tile, not the next operation's weights.",
        source="paper Table 2 (256 GB/s), §4",
    ),
    _choice(
        "dram_bandwidth_gb_s", 256, 128, 512, interval=(1e-3, 1e6),
        reason="The paper says 256 GB/s, the published memory description 128. Needs dram_time.",
        source="paper Table 2; published artifact",
    ),
    _choice(
        "nonlinear_dram_traffic", "round_trip", "none",
        reason="Fused kernels keep softmax and SiLU on chip.",
        source="published artifact, memory scheduling",
    ),
    _error(
        "noc_tiling", "even", "output_tiles", "all_tiles", "array_tiles",
        reason="All cycles are divided by the nodes, though small batches have fewer output tiles.",
        source="paper §4.2, §5.2.3",
    ),
    _choice(
        "noc_link_bits", 0, 64, 2048, interval=(0, 1e6),
        reason="0 is unlimited: the paper says the NoC never limits; the router row is for 64.",
        source="paper §5.2.3; published artifact, router table",
    ),
    _error(
        "ws_timing", "output_stationary", "double_buffered", "load_then_stream",
        reason="A weight-stationary array streams rows past weights that take cycles to load.",
        source="paper §5.2.2",
    ),
    _choice(
        "ws_load_rows", 1, "sram_width",
        reason="One weight row a cycle by the FIFO inventory, several by the SRAM word. Needs"
        " ws_timing.",
        source="paper §5.2.2, Table 2",
    ),
    _omission(
        "pipeline_fill", "none", "per_op", "per_tile",
        reason="Skewed operands take time to enter and leave the array.",
        source="paper Fig. 10",
    ),
    _choice(
        "sram_ports", "independent", "shared",
        reason="One read and one write port, but ping-pong banks let both sides move at once.",
        source="paper §4; CACTI 7 configuration of the published artifact",
    ),
    _choice(
        "softmax_passes", 2, 1, 3,
        reason="Exponentials and sum, then scaling; the maximum may need a third pass.",
        source="paper §4.1, §5.2.1",
    ),
    _error(
        "precise_cycles", 45, 44,
        reason="The accumulation happens in the multiply's cycle, and SiLU sums nothing.",
        source="paper §5.2.2 (44 cycles)",
    ),
    _choice(
        "pwl_interval", 5, 1,
        reason="The unit pays for pipeline registers, so it could start an element every cycle.",
        source="published artifact, systolic pwl",
    ),
    _choice(
        "nonlinear_overlap", "sequential", "overlapped",
        reason="Vector and matrix units are separate hardware (all designs but Mugi).",
        source="published artifact, workload graph",
    ),
    _error(
        "silu_passes", "mixed", "lut_twice", "reload",
        reason="Inputs of both signs stream the lookup table twice; the published code doubles some"
        " counts only, and array_nonlinear for softmax too.",
        source="paper §4.1",
    ),
    # Traffic and activity
    _error(
        "prefill_tile", 256, "fits",
        reason="A 256 x 256 tile of BF16 values takes 128 KB; the SRAM has 64.",
        source="paper Table 2",
    ),
    _error(
        "partial_sum_reads", "restart", "continue",
        reason="Only the very first tile along K has no partial sum to read back.",
        source="published artifact, memory scheduling",
    ),
    _choice(
        "dequant_group", 256, 128, 64, "whole_k",
        reason="The paper gives no group size; one scaling an off-chip tile means 256.",
        source="published artifact, array mapping",
    ),
    _error(
        "dram_words", "sram_words", "words_64",
        reason="DRAM accesses of nonlinear operations are counted in SRAM words, priced by 64 bit.",
        source="published artifact, memory scheduling",
    ),
    _error(
        "lut_copies", "one", "per_node",
        reason="Every node approximates with a lookup table of its own.",
        source="paper §4.1",
    ),
    _error(
        "lut_value_bits", 4, 16,
        reason="The outputs stored in the lookup table are BF16.",
        source="paper §4.1",
    ),
    _error(
        "noc_activity", "divided", "full",
        reason="Nodes that each do 1/P of the work switch as often in total as one.",
        source="published artifact, array mapping",
    ),
    _error(
        "figna_activity", "one_column", "every_pe",
        reason="The FIGNA blocks are instantiated in every processing element.",
        source="published artifact, figna; FIGNA, HPCA 2024",
    ),
    _error(
        "figna_multiplier", "kept", "replaced",
        reason="A FIGNA element is an FP-INT multiplier and needs no BF16 multiplier beside it.",
        source="paper §5.2.2; FIGNA, HPCA 2024",
    ),
    _choice(
        "figna_sharing", "per_pe", "per_column",
        reason="The original proposal shares alignment and conversion along a column.",
        source="FIGNA, HPCA 2024",
    ),
    _choice(
        "pe_fifo_activity", "mugi_half", "equal_full", "equal_half", "overlap_share",
        reason="Mugi's FIFO is charged half the time, Carat's always; 28 of 64 pairs overlap.",
        source="published artifact, array mapping; paper §4",
    ),
    _error(
        "ws_weight_loads", "m_tiles", "n_tiles",
        reason="Weights do not depend on the tiles of M. Flip with weight_register_activity.",
        source="published artifact, array mapping",
    ),
    _error(
        "weight_register_activity", "array", "by_topology", "row",
        reason="Loading a row of weights clocks every register of the array.",
        source="published artifact, array mapping",
    ),
    _error(
        "temporal_converter_activity", "per_window", "per_cycle",
        reason="A comparator compares and the counter counts in every cycle of a window.",
        source="paper §4; published artifact, array mapping",
    ),
    _error(
        "vector_register_activity", "two", "all_lanes",
        reason="Two registers are clocked where the vector unit has two a lane.",
        source="published artifact, systolic nonlinear",
    ),
    _error(
        "pwl_activity", "one_lane", "all_lanes",
        reason="The comparators and registers of one lane are clocked, all lanes are busy.",
        source="published artifact, systolic pwl",
    ),
    _error(
        "activity_slips", "published", "fixed",
        reason="Three slips of indexing in Mugi's or_gate, counter_register and sign_fifo.",
        source="published artifact, mugi events",
    ),
    _choice(
        "idle_activity", 0, 0.2, 1, interval=(0, 1),
        reason="Idle rows, columns and lanes switch nothing, which needs gating nobody pays for.",
        source="published artifact, utilisation",
    ),
    _error(
        "router_bits", "rotated", "own_width",
        reason="Each channel's words are multiplied by another channel's width.",
        source="published artifact, router scheduling",
    ),
    _omission(
        "router_energy", "table", 0.28, 0.1, 1.0, interval=(0, 100),
        reason="0.28 fJ a bit is below the wire alone; 0.28 pJ is the row read in W, not mW.",
        source="Park et al., DATE 2013 (40 fJ/bit/mm low swing)",
    ),
    _choice(
        "noc_hops", "table", "mean_xy",
        reason="Hops by the published rule, or the mean of unicast from the edge of a row.",
        source="published artifact, router scheduling",
    ),
    _choice(
        "energy_scope", "on_chip", "with_dram", "with_dram_background",
        reason="The paper reports on-chip energy; the memory behind it costs several times more.",
        source="paper §5; CACTI 7",
    ),
    _choice(
        "dram_energy", "ddr4_cacti", "hbm2",
        reason="The paper names HBM, the table row is DDR4.",
        source="CACTI 7; O'Connor et al., MICRO 2017",
    ),
    # Component costs
    _error(
        "max_tree_width", 1, 8, 4,
        reason="The width is missing, so a 4-bit cell is charged as one bit; exponents have 8.",
        source="published artifact, mugi control",
    ),
    _error(
        "input_unit", "multiplier", "adder",
        reason="The paper draws accumulators at the inputs and calls them multiplier-free.",
        source="paper Fig. 9",
    ),
    _error(
        "sram_capacity", "configured", "two_macros", "one_macro",
        reason="512 KB SRAMs where the paper has 1 MB; a single 1 MB macro misses 400 MHz.",
        source="paper Table 2; CACTI 7",
    ),
    _choice(
        "fifo_depth_energy", 1.0, 0.5, 0, interval=(0, 1),
        reason="An access writes one entry and clocks all: energy grows with depth, or not.",
        source="published artifact, CSV-CMOS tables (one depth characterised)",
    ),
    _choice(
        "logic_area", "cell", "core",
        reason="Cells fill about 70 % of the placed core.",
        source="published artifact, synthesis reports",
    ),
    # Metrics
    _choice(
        "tokens_counted", "processed", "generated",
        reason="Tokens processed include the prefill; tokens generated do not.",
        source="paper Table 3",
    ),
    _error(
        "energy_efficiency", "throughput_per_energy", "work_per_energy", stage="figures",
        reason="Throughput over energy counts speed twice; work over energy is what the paper calls"
        " power efficiency.",
        source="paper §6; published artifact, results/query/utils.py",
    ),
    _error(
        "energy_efficiency_unit", "per_uj_label", "true_unit", stage="figures",
        reason="Numbers in tokens/s per megajoule are labelled as per microjoule in Table 3.",
        source="paper Table 3; published artifact, comprehensive_table.py",
    ),
    _error(
        "nonlinear_work", "published", "elements", stage="figures",
        reason="Nonlinear work is counted as activations of components that differ by design."
        " Needed with precise_cycles, silu_passes or idle_activity, which change them.",
        source="published artifact, nonlinear_breakdown.py, batch_size_breakdown.py",
    ),
    # Figures
    _error(
        "fig12_baseline", "sa16_7b", "sa16_same_model", stage="figures",
        reason="Divided by SA(16) on 7B, throughput over energy falls for larger models whatever"
        " the design.",
        source="published artifact, gemm_breakdown.py",
    ),
    _error(
        "fig13_groups", "double_counted", "partition", stage="figures",
        reason="What is named accumulator counts in two groups, and the control in none.",
        source="published artifact, area_power_breakdown.py",
    ),
    _error(
        "fig14_energy_per_token", "dynamic_per_position", "total_per_token", stage="figures",
        reason="Dynamic energy over the length is not energy over the tokens of the whole batch.",
        source="published artifact, batch_size_breakdown.py",
    ),
    _choice(
        "fig17_models", "four", "three", stage="figures",
        reason="The means include 70B GQA; the caption names 7B, 13B and 70B only.",
        source="paper Fig. 17; published artifact, noc_breakdown.py",
    ),
    _omission(
        "lm_head_in_breakdowns", "left_out", "included", stage="carbon, figures",
        reason="Figs. 15 and 16 leave out the language-model head.",
        source="published artifact, op_carbon.py, end_to_end_latency_breakdown.py",
    ),
    # Carbon
    _error(
        "fig15_dynamic_energy", "one_layer", "all_layers", stage="carbon",
        reason="Projection, attention and FFN take the time of all layers and the dynamic energy of"
        " one.",
        source="published artifact, op_carbon.py",
    ),
    _choice(
        "embodied_share", "run_share", "whole_chip", "duty_20", stage="carbon",
        reason="Manufacture by run time over lifetime; all of it, as Eq. 6 is printed; or for a"
        " chip that is used 20 % of its life.",
        source="paper Eq. 6; published artifact, op_carbon.py",
    ),
    _choice(
        "lifetime_years", 5, 3, 7, interval=(1e-3, 1e3), stage="carbon",
        reason="Years of 365 days over which manufacture is spread; the paper does not mention it.",
        source="published artifact, op_carbon.py",
    ),
    _choice(
        "carbon_intensity", 301, 50, 700, interval=(0, 1e4), stage="carbon",
        reason="g CO2e per kWh, for use and manufacture alike: 301 is the world's average grid.",
        source="paper §5.3",
    ),
    _choice(
        "epa_mj_per_mm2", 0.55, 0.0324, interval=(0, 1e3), stage="carbon",
        reason="MJ to make a mm2 of die: the paper's source, or the 0.90 kWh/cm2 of ACT at 28 nm.",
        source="paper §5.3; ACT, Gupta et al., ISCA 2022",
    ),
    _choice(
        "cpa", "energy_only", "act_28nm", stage="carbon",
        reason="Carbon of a die area from its energy only, or with gases, materials and yield,"
        " which then replaces epa_mj_per_mm2.",
        source="paper Eq. 6; ACT, Gupta et al., ISCA 2022",
    ),
)  # fmt: skip
REGISTRY: dict[str, Assumption] = {assumption.name: assumption for assumption in _ALL}


def acting_in(stage: str) -> list[str]:
    """Return the names of the assumptions that act in a stage: evaluate, carbon or figures."""
    return [name for name, entry in REGISTRY.items() if stage in entry.stage.split(", ")]


def preset(name: str) -> dict[str, Value]:
    """Return the value of every assumption under a preset; raises InputError for another name."""
    if name not in PRESETS:
        raise InputError(unknown("preset", name, PRESETS))
    field = "corrected" if name == "corrected" else "published"
    return {key: getattr(assumption, field) for key, assumption in REGISTRY.items()}


def check(name: str, value: object) -> str | None:
    """Return the line for an unknown assumption or a value it does not allow, or None."""
    if name not in REGISTRY:
        return (
            f"unknown assumption '{name}'{nearest(name, REGISTRY)}; `mugi assumptions` lists them"
        )
    if REGISTRY[name].parse(value) is None:
        close = nearest(value, REGISTRY[name].choices)
        return f"assumption.{name} is {REGISTRY[name].allowed}, not '{value}'{close}"
    return None


def resolve(preset_name: str, flips: Mapping[str, object]) -> dict[str, Value]:
    """Return a preset with single assumptions flipped; raises InputError naming every mistake."""
    lines = [line for line in (check(name, value) for name, value in flips.items()) if line]
    if lines:
        raise InputError(*lines)
    return preset(preset_name) | {
        name: REGISTRY[name].parse(value) for name, value in flips.items()
    }


def pairs(texts: Iterable[str], option: str, allowed: Iterable[str]) -> dict[str, str]:
    """Return NAME=VALUE texts as a mapping; raises InputError naming every mistake."""
    flips, lines = {}, []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            lines.append(f"NAME=VALUE is needed, not '{text}'")
        elif name in flips:
            lines.append(f"'{name}' is set twice")
        elif name not in allowed:
            lines.append(unknown("assumption", name, allowed))
        elif line := check(name, value):
            lines.append(line)
        else:
            flips[name] = value
    if lines:
        raise InputError(*(f"{option}: {line}" for line in lines))
    return flips


def table(names: Iterable[str] = REGISTRY) -> list[dict[str, str]]:
    """Return name, kind, values, reason, source and where it acts, one row each, all as text."""
    return [
        {
            "name": entry.name,
            "kind": entry.kind,
            "published": str(entry.published),
            "corrected": str(entry.corrected),
            "others": ", ".join(str(value) for value in entry.others)
            + (f" ({entry.interval[0]:g} to {entry.interval[1]:g})" if entry.interval else ""),
            "reason": entry.reason,
            "source": entry.source,
            "acts in": entry.stage,
        }
        for entry in map(REGISTRY.__getitem__, names)
    ]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mugi assumptions`."""
    parser.add_argument("names", nargs="*", help="only these, with reason and source")


def run(args: argparse.Namespace) -> int:
    """Print the assumptions, or some of them in full."""
    lines = [line for line in (check(n, "") for n in args.names if n not in REGISTRY) if line]
    if lines:
        raise InputError(*lines)
    rows = table(args.names or REGISTRY)
    if args.names:
        for row in rows:
            print("\n".join(f"{key:<10} {text}" for key, text in row.items() if text), end="\n\n")
        return 0
    columns = ("name", "kind", "published", "corrected", "others", "acts in")
    widths = {key: max(len(key), *(len(row[key]) for row in rows)) for key in columns}
    for row in [{key: key for key in columns}, *rows]:
        print("  ".join(row[key].ljust(widths[key]) for key in columns).rstrip())
    return 0
