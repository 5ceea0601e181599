"""The tables of results/ that pages are made from, as paths in it, with the columns they need."""

HARDWARE = "hardware/hardware.csv"
CLAIMS = "claims/claims.csv"
CONCLUSIONS = "claims/conclusions.csv"
SWITCHES = "judge/switches.csv"
UNIVERSES = "judge/universes.parquet"
CURVE = "judge/curve.csv"
INDICES = "judge/indices.csv"
CURVE_IN_GATES = "judge/curve_in_gates.csv"
SURE = "judge/sure.csv"
VARIANCE = "judge/variance.csv"
WHERE = "judge/where.csv"
BREAK_EVEN = "judge/breakeven.csv"
WORDS_OF_CURVE = "judge/survives.md"
ARRAYS = "gates/arrays.csv"
PARTS = "gates/parts.csv"
UNITS = "gates/units.csv"
STAND = "judge/accuracy.csv"
ACCURACY = "accuracy/accuracy.csv"

SHARES = ["share_above_1", "share_within_5_percent", "share_below_as_published"]
METHODS = ["softmax", "activation", "woq", "kvq"]
COLUMNS = {
    CLAIMS: [
        *["id", "location", "statement", "design", "baseline", "printed", "unit", "computed"],
        *["corrected", "comparison", "correction", "change", "depends_on", "by_one_choice"],
        *["moved_by", "judged_on", "reason", "note", "source", "target", "conclusion", "also"],
    ],
    CONCLUSIONS: [
        *["conclusion", "section", "sentence", "claims", "verdict", "printed", "computed"],
        *["corrected", "in_words"],
    ],
    SWITCHES: ["claim", "base", "assumption", "value", "computed", "base_value"],
    CURVE: [
        *["claim", "universes", "printed", "as_published", "corrected", *SHARES],
        *["least", "p05", "median", "p95", "most"],
    ],
    CURVE_IN_GATES: ["claim", "median", "share_above_1"],
    ARRAYS: ["label", "published_adders", "corrected_adders", "open_adders", "listed_adders"],
    PARTS: ["label", "part", "missing", "open_adders"],
    UNITS: [
        *["unit", "components", "alone", "open_adders", "published_adders"],
        *["open_over_published", "note"],
    ],
    INDICES: ["claim", "assumption", "first_order", "low", "high"],
    SURE: [
        *["metric", "design", "rival", "model", "value", "low", "high"],
        *["probability", "probability_behind"],
    ],
    VARIANCE: ["metric", "rival", "source", "share", "total"],
    WHERE: [
        *["model", "batch_size", "seq_len", "array_height", "rival_kind", "metric", "ratio"],
        *["holds", "is_paper_point"],
    ],
    BREAK_EVEN: [
        *["design", "variant", "array_height", "energy_scope", "cpa", "grid"],
        *["break_even_years", "break_even_g_per_kwh"],
    ],
    STAND: [
        *["model", "corpus", "approximation", "metric", "reference", "value", "low", "high"],
        *["sequences", "what_it_says"],
    ],
    ACCURACY: ["model", *METHODS, "task", "metric", "value", "ci_low", "ci_high", "documents"],
}
