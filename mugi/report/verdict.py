"""The first page: the conclusions, how they fare, and three sentences to repeat."""

import pandas as pd

from mugi.claim import COMPARISONS
from mugi.errors import raise_all, unknown
from mugi.report import chart
from mugi.report.blocks import (
    Block,
    Cell,
    Heading,
    Items,
    Link,
    Number,
    Page,
    Picture,
    Quote,
    Row,
    Table,
    Text,
    Verdict,
)
from mugi.report.claims import VALUES, carriers, claim_link, claims_of, filtered
from mugi.report.results import Results
from mugi.report.tables import CLAIMS, CONCLUSIONS, CURVE, STAND, WHERE
from mugi.verdicts import MEANING, RULES, SAID, verdicts_in_words

# every verdict, in the order it is shown
WORDS = list(SAID)
LLM_THROUGHPUT = "ABS-3"
SWITCHES = Link("What switches and names of designs mean.", "survives.html#meaning")
HEADLINE = ["printed", "computed", "corrected", "by one choice", "verdict", "depends on", "why"]


def page(results: Results) -> Page:
    """Return the page of conclusions."""
    about = "Which conclusions of the paper would you repeat? The answers, from the tables alone."
    blocks: list[Block] = [*results.missing(CONCLUSIONS, CLAIMS, CURVE)]
    conclusions, claims = results.table(CONCLUSIONS), claims_of(results)
    if sentences := quotes(results):
        blocks += [Heading("To repeat"), *sentences]
    if lines := caveats(results):
        blocks += [Text("And not to leave out:"), Items(lines)]
    if claims is not None:
        blocks += of_headlines(claims)
    if conclusions is not None:
        counts = counted(conclusions)
        blocks += [
            Heading("Conclusions by section"),
            Picture(chart.NAME, chart.described(counts)),
            Heading("What the verdicts mean", "rules", level=3),
            Items([[Verdict(name), f" {words}"] for name, words in RULES.items()]),
            Text(["The first that fits. ", MEANING, " ", SWITCHES]),
            Heading("All conclusions"),
            listed(conclusions),
        ]
    if claims is not None:
        blocks += [Heading("The claims behind them"), crossed(claims)]
    return Page("index", "Verdict", about, blocks)


def headlines(claims: pd.DataFrame) -> pd.DataFrame:
    """Return the claims of the abstract, a row each by id: statement and HEADLINE, as text."""
    names = {"correction": "verdict", "by_one_choice": "by one choice", "reason": "why"}
    table = claims[claims["location"] == "Abstract"].set_index("id")
    table = table.rename(columns=names | {"depends_on": "depends on"})
    numbers = {name: table[name].map(lambda one: Number(one).text) for name in VALUES}
    return table.assign(**numbers)[["statement", *HEADLINE]].fillna("")


def of_headlines(claims: pd.DataFrame) -> list[Block]:
    """Return the abstract's claims side by side."""
    rows = [
        Row([[claim_link(name), f" {row[0]}"], *row[1:5], Verdict(row[5]), *row[6:]])
        for name, *row in headlines(claims).itertuples()
    ]
    title = "The abstract's figures"
    return [Heading(title, "abstract"), Table("abstract", title, ["figure", *HEADLINE], rows)]


def caveats(results: Results) -> list[Cell]:
    """Return what changes how the sentences are to be read, each with a link to its numbers."""
    found = [of_approximations(results), of_batch(results), of_tensor_core(results)]
    return [line for line in found if line]


def of_approximations(results: Results) -> Cell:
    """Return what VLP costs beside its rivals and beside INT4, where most text was measured."""
    stand = results.table(STAND)
    if stand is None:
        return ""
    own = stand[stand["model"] == stand["model"].iloc[0]]
    own = own[own["sequences"] == own["sequences"].max()]
    plain = own[~own["approximation"].str.contains("woq|adapt=|spacing=")]

    def divergence(method: str) -> str:
        rows = plain[plain["approximation"].str.startswith(f"softmax={method}:")]
        rows = rows[(rows["metric"] == "kl_divergence_nats") & (rows["reference"] == "exact")]
        return f"{rows['value'].iloc[0]:.4f}" if len(rows) else ""

    costs = {"VLP": "vlp", "PWL": "pwl", "Taylor in softmax alone": "taylor"}
    told = [f"{name} {value}" for name, method in costs.items() if (value := divergence(method))]
    if len(told) < 2:
        return ""
    text = f"Distance from the exact functions on {own['model'].iloc[0]} (KL divergence, nats): "
    int4 = own[own["approximation"].str.fullmatch(r"woq=int4\S*;kvq=int4\S*")]
    int4 = int4.loc[int4["metric"] == "added_log_loss_nats", "value"]
    if len(int4):
        told[-1] += f". INT4 weights and KV cache, which Mugi needs, add {int4.iloc[0]:.2f} nats"
        told[-1] += " of log-loss"
    return [f"{text}{', '.join(told)}. ", results.link(STAND)]


def of_batch(results: Results) -> Cell:
    """Return for which batch the throughput of the abstract is."""
    claims = claims_of(results)
    own = [] if claims is None else claims[(claims["id"] == LLM_THROUGHPUT)].itertuples()
    said = [
        [f"The {one.printed} of LLM throughput: {one.reason[:1].lower()}{one.reason[1:]}. "]
        for one in own
        if one.reason
    ]
    return [*said[0], claim_link(LLM_THROUGHPUT)] if said else ""


def of_tensor_core(results: Results) -> Cell:
    """Return how Mugi stands against a tensor core, at the paper's point."""
    where = results.table(WHERE)
    if where is None:
        return ""
    at_paper = where["is_paper_point"].astype(str) == "True"
    own = where[at_paper & (where["rival_kind"] == "tensor_core")].set_index("metric")["ratio"]
    if "throughput" not in own:
        return ""
    more = ""
    if "tokens_per_joule_with_dram" in own:
        more = f", and {own['tokens_per_joule_with_dram']:.2f} times its tokens per joule with DRAM"
    text = f"A larger rival, a tensor core: Mugi(256) has {own['throughput']:.2f} of its throughput"
    return [f"{text}{more}. ", results.link(WHERE)]


def counted(conclusions: pd.DataFrame) -> pd.DataFrame:
    """Return how many conclusions of each section (rows) have each verdict (columns)."""
    counts = pd.crosstab(conclusions["section"], conclusions["verdict"])
    sections = list(dict.fromkeys(conclusions["section"]))
    return counts.loc[sections, known(counts)]


def known(counts: pd.DataFrame) -> list[str]:
    """Return the verdicts among columns, in order; raises InputError for one that is none."""
    raise_all([unknown("verdict", name, WORDS) for name in counts if name not in WORDS])
    return [name for name in WORDS if name in counts]


def listed(conclusions: pd.DataFrame) -> Table:
    """Return all conclusions, a row each."""
    rows = [
        Row(
            [
                *[one.section, one.sentence, Verdict(one.verdict)],
                *[one.printed, one.computed, one.corrected, one.in_words, carriers(one)],
            ],
            one.conclusion,
            {"verdict": [one.verdict], "section": [one.section]},
        )
        for one in conclusions.fillna("").itertuples()
    ]
    columns = ["section", "the paper says", "verdict", *HEADLINE[:3], "in words", "claims"]
    return Table("conclusions", "Conclusions", columns, rows, ("verdict", "section"))


def crossed(claims: pd.DataFrame) -> Table:
    """Return how many claims compare how, by what happens under correction."""
    counts = pd.crosstab(claims["comparison"], claims["correction"])
    names = known(counts)
    counts = counts.loc[[one for one in [*COMPARISONS, *WORDS] if one in counts.index], names]
    rows = []
    for how, row in counts.iterrows():
        cells = [filtered(row[name], verdict=name, compared=how) for name in names]
        rows.append(Row([how, *cells, filtered(row.sum(), compared=how)]))
    sums = [filtered(counts[name].sum(), verdict=name) for name in names]
    rows.append(Row(["all", *sums, filtered(counts.to_numpy().sum())]))
    title = "Claims by how they compare with print (rows) and by verdict (columns)"
    return Table("crossed", title, ["compared", *names, "all"], rows)


def quotes(results: Results) -> list[Block]:
    """Return up to three sentences, each with links to its numbers."""
    sentences = [of_conclusions(results), of_abstract(results), of_universes(results)]
    return [sentence for sentence in sentences if sentence]


def of_conclusions(results: Results) -> Quote | None:
    """Return how many conclusions have which verdict."""
    conclusions = results.table(CONCLUSIONS)
    if conclusions is None:
        return None
    said = verdicts_in_words(conclusions["verdict"].value_counts())
    return Quote(
        f"Of {len(conclusions)} conclusions of the paper, once the errors of its published model "
        f"are set right, {said}.",
        ["from ", results.link(CONCLUSIONS)],
    )


def of_abstract(results: Results) -> Quote | None:
    """Return which number of the abstract correction moves least, and which most."""
    claims = claims_of(results)
    if claims is None:
        return None
    abstract = claims[(claims["location"] == "Abstract") & claims["corrected"].notna()]
    printed = pd.to_numeric(abstract["printed"].astype(str).str.strip("~<>"), errors="coerce")
    moved = (abstract["corrected"] / printed).dropna()
    if len(moved) < 2:
        return None
    distance = moved.map(lambda ratio: max(ratio, 1 / ratio))
    least, most = (abstract.loc[index] for index in (distance.idxmin(), distance.idxmax()))
    text = (
        f"Of the abstract's numbers, the {named(least)} moves least when the errors of the "
        f"published model are set right ({both(least)}), and the {named(most)} most ({both(most)})."
    )
    if least["by_one_choice"]:
        text += f" Even the first is {least['by_one_choice']} by one choice."
    return Quote(text, ["claims ", claim_link(least["id"]), " and ", claim_link(most["id"])])


def named(claim: pd.Series) -> str:
    """Return what a claim is about, within a sentence."""
    text = claim["statement"]
    text = text if text[:2].isupper() else text[:1].lower() + text[1:]
    text += f" of {claim['design']}" if claim["design"] else ""
    return text + (f" over {claim['baseline']}" if claim["baseline"] else "")


def both(claim: pd.Series) -> str:
    """Return a claim's printed and corrected value."""
    return f"printed {claim['printed']}, corrected {Number(claim['corrected'], 3).text}"


def of_universes(results: Results) -> Quote | None:
    """Return which number of the abstract is above 1 most often, and which least."""
    curve, claims = results.table(CURVE), claims_of(results)
    if curve is None or claims is None:
        return None
    claims = claims.set_index("id")
    curve = curve[curve["claim"].isin(claims.index)]
    if len(curve) < 2:
        return None
    least, most = (
        curve.loc[index]
        for index in (curve["share_above_1"].idxmin(), curve["share_above_1"].idxmax())
    )

    if most["share_above_1"] == 1:
        first = f"Whatever is assumed, the {named(claims.loc[most['claim']])} is above 1"
    else:
        share = f"{100 * most['share_above_1']:.0f} % of all combinations"
        first = f"In {share} of assumptions, the {named(claims.loc[most['claim']])} is above 1"
    text = (
        f"{first}; the {named(claims.loc[least['claim']])} is so in only "
        f"{100 * least['share_above_1']:.0f} % of {int(most['universes']):,} combinations of "
        "assumptions drawn at random, the published errors among them."
    )
    links = [claim_link(most["claim"]), " and ", claim_link(least["claim"])]
    return Quote(text, ["claims ", *links, ", shares from ", results.link(CURVE)])
