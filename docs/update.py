"""Write what README.md and docs/configuration.md say of results/ and of the schema.

    python docs/update.py

Each block between `<!-- NAME -->` and `<!-- end -->` is replaced by what the tables say.
"""

import re
import shutil
from pathlib import Path

import pandas as pd

from mugi.config.docs import key_table as keys
from mugi.config.docs import parameter_table as methods

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results"
PICTURES = ["fig06", "fig16", "pareto"]


def accuracy() -> str:
    """One row per approximation of the embedded model, measured on prose."""
    rows = pd.read_csv(RESULTS / "accuracy" / "accuracy.csv", keep_default_na=False)
    rows = rows[rows["task"] == "prose"]
    names = {"woq": "weights", "kvq": "KV cache"}
    rows = rows.rename(columns=names)
    keys = ["softmax", "activation", *names.values()]
    columns = {}
    for metric, reference, heading, look in [
        ("token_perplexity", "", "token perplexity", "{:.2f}"),
        ("token_perplexity_difference", "exact", "above exact", "{:+.2f}"),
        ("kl_divergence_nats", "native", "KL to native [nats]", "{:.4f}"),
        ("top1_agreement", "native", "top-1 agreement", "{:.1%}"),
    ]:
        found = rows[(rows["metric"] == metric) & (rows["reference"] == reference)].set_index(keys)
        columns[heading] = found["value"].map(look.format)
        if reference:
            low, high = (found[end].astype(float).map(look.format) for end in ["ci_low", "ci_high"])
            columns[heading] += " [" + low + ", " + high + "]"
    cells = pd.DataFrame(columns).reindex(columns["token perplexity"].index)
    cells = cells.fillna("").reset_index()
    first = rows[rows["metric"] == "token_perplexity"].iloc[0]
    note = (
        f"{first['model']} in {first['dtype']}, native attention {first['attention']}; 95 % "
        f"intervals of a paired bootstrap over {first['documents']} documents; all over "
        f"{first['tokens']} tokens in windows of {first['window_tokens']} (stride "
        f"{first['stride_tokens']}, no BOS)."
    )
    return f"{markdown(cells)}\n\n{note}"


def verdicts() -> str:
    """How many claims have which verdict, and every claim that does not hold."""
    claims = pd.read_csv(RESULTS / "claims" / "claims.csv", keep_default_na=False)
    counts = claims["verdict"].value_counts(sort=False).rename_axis("verdict").reset_index()
    wrong = claims[claims["verdict"] == "differs"]
    wrong = wrong[["id", "statement", "printed", "computed", "reason"]].copy()
    wrong["computed"] = pd.to_numeric(wrong["computed"]).map("{:.4g}".format)
    return f"{markdown(counts)}\n\nThe claims that differ:\n\n{markdown(wrong)}"


def times() -> str:
    """Seconds of every rule, and of the forward pass where its benchmark was run."""
    folder = RESULTS / "benchmarks"
    rules = {}
    for path in sorted(folder.rglob("*.tsv")):
        rule = path.relative_to(folder).parts[0].removesuffix(".tsv")
        rules[rule] = rules.get(rule, 0) + pd.read_csv(path, sep="\t")["s"].sum()
    slow = {rule: seconds for rule, seconds in rules.items() if seconds >= 5}
    slow["all other rules"] = sum(rules.values()) - sum(slow.values())
    table = pd.DataFrame({"rule": slow.keys(), "seconds": [f"{s:.0f}" for s in slow.values()]})
    text = markdown(table)
    forward = folder / "forward.csv"
    if forward.is_file():
        text += f"\n\nForward pass against native sdpa:\n\n{markdown(pd.read_csv(forward))}"
    return text


def markdown(table: pd.DataFrame) -> str:
    """Return a Markdown table."""
    rows = [table.columns, ["---"] * len(table.columns), *table.astype(str).to_numpy()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


BLOCKS = {
    "README.md": {"accuracy": accuracy, "verdicts": verdicts, "times": times},
    "docs/configuration.md": {"keys": keys, "methods": methods},
}


def main() -> None:
    """Replace the blocks and copy the pictures."""
    for name, blocks in BLOCKS.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        for block, write in blocks.items():
            pattern = rf"(<!-- {block} -->\n).*?(\n?<!-- end -->)"
            filled = f"{write()}\n<!-- end -->"
            text, count = re.subn(pattern, lambda m, new=filled: m[1] + new, text, flags=re.S)
            if count != 1:
                raise SystemExit(f"{name} has {count} blocks '{block}', expected 1")
        (ROOT / name).write_text(text, encoding="utf-8")
    (ROOT / "docs" / "images").mkdir(exist_ok=True)
    for name in PICTURES:
        picture = f"{name}.png"
        shutil.copyfile(RESULTS / "figures" / picture, ROOT / "docs" / "images" / picture)


if __name__ == "__main__":
    main()
