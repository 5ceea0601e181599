"""Search, weighting and lookup of approximations, against slow direct computation on the inputs."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mugi import methods
from mugi.analysis.distribution import MASKED, Inputs, captured, drawn
from mugi.analysis.lookup import entries
from mugi.analysis.search import ERRORS, KL, Kinds, surface
from mugi.analysis.select import family_of, selected
from mugi.analysis.weigh import by_input
from mugi.bf16 import CODES, from_bf16, to_bf16
from mugi.cli import main
from mugi.config import check
from mugi.errors import InputError
from mugi.files import Document, merge, read_yaml
from mugi.methods import FUNCTIONS, parse
from mugi.methods.grid import expand
from mugi.methods.tables import look_up, pick_alone

ROOT = Path(__file__).parents[1]
SOFTMAX = [
    "exact",
    "vlp:lut=12,max_exp=3",
    "vlp:lut=10,max_exp=1,group=32",
    "vlp:lut=9,min_exp=-4,overflow=saturate",
    "vlp:lut=8,max_exp=5,adapt=6,leak=4",
    "vlp:lut=12,max_exp=2,normalize=reciprocal",
    "pwl:segments=22,range=15",
    "taylor:degree=9,center=-4.5",
]
ACTIVATION = [
    "exact",
    "vlp:lut=12,max_exp=1",
    "vlp:lut=11,min_exp=-6",
    "vlp:lut=8,max_exp=3,adapt=6",
    "pwl:segments=22,range=5",
    "partial",
]


def scores(tiles: int = 3, queries: int = 256, keys: int = 40, seed: int = 0) -> np.ndarray:
    """Return codes of causal scores: (tiles, queries, keys), the largest of each row is 0."""
    random = np.random.default_rng(seed)
    values = (
        3 * random.normal(size=(tiles, queries, keys)) * random.lognormal(size=(tiles, 1, keys))
    )
    seen = np.arange(keys) <= np.arange(queries)[:, None]
    values = np.where(seen, values, -np.inf)
    values = from_bf16(to_bf16(values))
    return to_bf16(values - values.max(axis=2, keepdims=True))


def softmax_inputs(**changes) -> Inputs:
    codes = changes.pop("codes", scores())
    counts = np.bincount(codes[codes != MASKED], minlength=1 << 16)
    return Inputs("test", "softmax", "exp", changes.pop("layer", 0), codes, counts)


def activation_inputs(seed: int = 0) -> Inputs:
    random = np.random.default_rng(seed)
    values = random.normal(size=(20, 300)) * 2.0 ** random.integers(-5, 3, size=(20, 1))
    codes = to_bf16(values)
    return Inputs(
        "test", "activation", "silu", 0, codes, np.bincount(codes.ravel(), minlength=1 << 16)
    )


def outputs(inputs: Inputs, text: str) -> tuple[np.ndarray, np.ndarray]:
    """Return input and output codes of a method, tile by tile, by the numpy reference."""
    stack = parse(text).stack(inputs.function)
    if inputs.operation == "softmax":
        return inputs.codes, np.stack(
            [look_up(stack, tile, tile != MASKED) for tile in inputs.codes]
        )
    return inputs.codes, look_up(stack, inputs.codes.T).T


def value(table: pd.DataFrame, method: str, error: str, layer: str = "all") -> float:
    rows = table[(table["method"] == str(parse(method))) & (table["error"] == error)]
    return rows.loc[rows["layer"] == layer, "value"].item()


@pytest.mark.parametrize(
    ("inputs", "methods"), [(softmax_inputs(), SOFTMAX), (activation_inputs(), ACTIVATION)]
)
def test_errors_are_those_of_looking_every_input_up(inputs, methods):
    table = surface([inputs], [parse(text) for text in methods], list(ERRORS), True, 8)
    for text in methods:
        codes, answers = outputs(inputs, text)
        seen = codes != MASKED
        exact = FUNCTIONS[inputs.function](from_bf16(codes[seen]))
        wrong = np.abs(from_bf16(answers[seen]) - exact)
        assert value(table, text, "weighted_absolute_error") == pytest.approx(
            wrong.mean(), rel=1e-12
        )
        assert value(table, text, "maximum_absolute_error") == wrong.max()
        by_code = pd.Series(wrong).groupby(codes[seen]).mean()
        assert value(table, text, "mean_absolute_error") == pytest.approx(by_code.mean(), rel=1e-12)
        for error in set(table["error"]):
            assert value(table, text, error) == value(table, text, error, "0")


@pytest.mark.parametrize("text", SOFTMAX)
def test_divergence_is_that_of_the_rows_computed_one_by_one(text):
    inputs = softmax_inputs()
    table = surface([inputs], [parse(text)], [KL], False, 10**6)
    codes, answers = outputs(inputs, text)
    found = []
    for row, answer in zip(codes.reshape(-1, 40), answers.reshape(-1, 40), strict=True):
        seen = row != MASKED
        score, exponential = from_bf16(row[seen]), from_bf16(answer[seen])
        total = from_bf16(to_bf16(exponential.astype(np.float32).sum()))
        if parse(text).normalize == "reciprocal":
            q = exponential * from_bf16(to_bf16(1 / total))
        else:
            q = exponential / total
        q = np.maximum(from_bf16(to_bf16(q)), 0)
        p = np.exp(score) / np.exp(score).sum()
        with np.errstate(divide="ignore", invalid="ignore"):
            found.append(np.where(q > 0, q * np.log(q / p), 0).sum() - q.sum() + p.sum())
    assert value(table, text, KL) == pytest.approx(np.mean(found), rel=1e-3, abs=1e-9)


def test_divergence_takes_rows_from_all_over_and_no_more_than_there_are():
    whole = surface([softmax_inputs()], [parse(SOFTMAX[1])], [KL], False, 768)
    some = surface([softmax_inputs()], [parse(SOFTMAX[1])], [KL], False, 64)
    assert value(some, SOFTMAX[1], KL) == pytest.approx(value(whole, SOFTMAX[1], KL), rel=0.3)


def test_all_layers_pooled_are_their_inputs_together():
    layers = [softmax_inputs(codes=scores(seed=seed), layer=seed) for seed in range(3)]
    layers[1] = layers[1].scaled(1)
    methods = [parse(text) for text in SOFTMAX]
    table = surface(layers, methods, list(ERRORS), True, 8)
    for text in SOFTMAX:
        each = [value(table, text, "weighted_absolute_error", str(layer)) for layer in range(3)]
        counts = [layer.counts.sum() for layer in layers]
        assert value(table, text, "weighted_absolute_error") == pytest.approx(
            np.average(each, weights=counts)
        )
        each = [value(table, text, "maximum_absolute_error", str(layer)) for layer in range(3)]
        assert value(table, text, "maximum_absolute_error") == max(each)
        each = [value(table, text, KL, str(layer)) for layer in range(3)]
        assert value(table, text, KL) == pytest.approx(np.mean(each))


def test_a_table_of_many_methods_holds_the_same_as_a_table_of_each():
    inputs, methods = softmax_inputs(), [parse(text) for text in SOFTMAX]
    together = surface([inputs], methods, list(ERRORS), False, 8)
    for method in methods:
        alone = surface([inputs], [method], list(ERRORS), False, 8)
        rows = together[together["method"] == str(method)].reset_index(drop=True)
        pd.testing.assert_series_equal(rows["value"], alone["value"], rtol=1e-12)


def test_the_best_of_each_family_and_error_is_marked_once():
    methods = expand(["vlp:lut=8..10,max_exp=-2..3", "pwl:segments=8|16,range=8|16"], "softmax")
    table = surface([softmax_inputs()], methods, list(ERRORS), True, 8)
    assert len(table) == len(methods) * len(ERRORS) * 2
    for _, rows in table.groupby(["layer", "family", "error"]):
        best = rows[rows["best"]]
        assert len(best) == 1
        assert best["value"].item() == rows["value"].min()


def test_counts_weigh_codes_and_samples_say_in_which_window_they_are():
    inputs = softmax_inputs()
    twice = Inputs("test", "softmax", "exp", 0, inputs.codes, 2 * inputs.counts)
    zero_only = np.where(CODES == 0, 5, 0)
    method = parse("vlp:lut=12,max_exp=3")
    error = ["weighted_absolute_error"]
    once = surface([inputs], [method], error, False, 1)["value"].item()
    assert surface([twice], [method], error, False, 1)["value"].item() == pytest.approx(once)
    zeros = Inputs("test", "softmax", "exp", 0, inputs.codes, zero_only)
    assert surface([zeros], [method], error, False, 1)["value"].item() == 0


def test_a_code_without_samples_is_alone_in_its_group():
    method, code = parse("vlp:lut=12,max_exp=3"), to_bf16(np.array([-0.01]))
    tile = np.zeros((1, 256, 1), dtype=np.uint16)
    inputs = Inputs("test", "softmax", "exp", 0, tile, np.bincount(code, minlength=1 << 16))
    stack = method.stack("exp")
    kinds = Kinds([stack])
    reads = kinds.reads(inputs, kinds.of(inputs))
    assert kinds.positions(stack)[reads.kind].tolist() == pick_alone(stack, code).tolist()


def test_an_adaptive_window_holds_its_own_on_inputs_it_was_not_fitted_to():
    fixed, adaptive = parse("vlp:lut=8,max_exp=1"), parse("vlp:lut=8,max_exp=1,adapt=10")
    small = activation_inputs().scaled(-6)
    table = surface([small], [fixed, adaptive], ["weighted_absolute_error"], False, 1)
    assert value(table, str(adaptive), "weighted_absolute_error") < 0.5 * value(
        table, str(fixed), "weighted_absolute_error"
    )
    assert list(table["family"]) == ["vlp", "adaptive_vlp"]


def test_grids_are_crossed_in_order_and_repeats_dropped():
    texts = ["vlp:lut=8|9,max_exp=-1..1", "vlp:lut=8,max_exp=0", "exact"]
    assert [str(method) for method in expand(texts, "softmax")] == [
        *[f"vlp:lut={lut},max_exp={top}" for lut in (8, 9) for top in (-1, 0, 1)],
        "exact",
    ]


@pytest.mark.parametrize("exponent", [-4, 1, 4])
def test_scaled_inputs_are_multiplied_exactly(exponent):
    inputs = activation_inputs()
    scaled = inputs.scaled(exponent)
    assert (from_bf16(scaled.codes) == from_bf16(inputs.codes) * 2.0**exponent).all()
    assert (scaled.counts == np.bincount(scaled.codes.ravel(), minlength=1 << 16)).all()


def test_drawn_inputs_have_their_distribution():
    values = from_bf16(drawn("silu=normal:mean=1,std=2").codes)
    assert values.mean() == pytest.approx(1, abs=0.05)
    assert values.std() == pytest.approx(2, rel=0.02)
    uniform = from_bf16(drawn("gelu=uniform:low=-3,high=1", groups=1000).codes)
    assert uniform.min() >= -3
    assert uniform.max() <= 1
    exp = drawn("exp=normal:mean=5,std=1")
    assert (from_bf16(exp.codes).max(axis=2) == 0).all()
    assert (drawn("exp=normal:mean=5,std=1").codes == exp.codes).all()
    assert (drawn("exp=normal:mean=5,std=1", seed=1).codes != exp.codes).any()


def test_bins_of_inputs_add_up_to_the_weighted_error():
    for inputs, text in [(softmax_inputs(), SOFTMAX[1]), (activation_inputs(), ACTIVATION[3])]:
        table = by_input([inputs], parse(text))
        whole = surface([inputs], [parse(text)], ["weighted_absolute_error"], False, 1)
        assert table["share_of_inputs"].sum() == pytest.approx(1)
        assert table["error_contribution"].sum() == pytest.approx(whole["value"].item())
        assert (table["input_low"] <= table["input_high"]).all()


def write(folder: Path, **changes) -> list[str]:
    """Write a captured profile of two layers; return the arguments that name it."""
    layers = [softmax_inputs(codes=scores(seed=seed)[:, :, :30]) for seed in range(2)]
    tables, arrays = [], {}
    for layer, inputs in enumerate(layers):
        code = np.flatnonzero(inputs.counts)
        tables.append(pd.DataFrame({"code": code.astype(np.uint16), "count": inputs.counts[code]}))
        tables[-1] = tables[-1].assign(model="m", operation="softmax", function="exp", layer=layer)
        arrays[f"softmax_layer{layer:02d}"] = inputs.codes
    table = pd.concat(tables).assign(layers=2, seq_len=30, recipe="lut", **changes)
    other = table.assign(recipe="published", count=10**9)
    pd.concat([table, other]).to_parquet(folder / "p.parquet", index=False)
    np.savez_compressed(folder / "s.npz", **arrays)
    return ["--profile", str(folder / "p.parquet"), "--samples", str(folder / "s.npz")]


def test_captured_inputs_are_read_back(tmp_path):
    write(tmp_path)
    layers = captured(tmp_path / "p.parquet", tmp_path / "s.npz")
    assert [one.layer for one in layers] == [0, 1]
    for seed, one in enumerate(layers):
        expected = softmax_inputs(codes=scores(seed=seed)[:, :, :30])
        assert (one.codes == expected.codes).all()
        assert (one.counts == expected.counts).all()


def test_the_same_command_gives_the_same_bytes(tmp_path):
    source = write(tmp_path)
    for name in ("one.csv", "two.csv"):
        grids = ["--softmax", "vlp:lut=8|12,max_exp=1..3", "--softmax", SOFTMAX[4], "--each-layer"]
        assert (
            main(["fit", *source, *grids, "--shift=1", "--shift=0", "-o", str(tmp_path / name)])
            == 0
        )
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    table = pd.read_csv(tmp_path / "one.csv")
    assert sorted(set(table["layer"])) == ["0", "1", "all"]
    assert sorted(set(table["shift_log2"])) == [0, 1]


def damage(folder: Path, what: str) -> None:
    """Spoil one of the two files."""
    parquet, samples = folder / "p.parquet", folder / "s.npz"
    if what == "no profile":
        parquet.unlink()
    elif what == "no samples":
        samples.unlink()
    elif what == "half a profile":
        parquet.write_bytes(parquet.read_bytes()[: parquet.stat().st_size // 2])
    elif what == "half the samples":
        samples.write_bytes(samples.read_bytes()[: samples.stat().st_size // 2])
    elif what == "empty samples":
        samples.write_bytes(b"")
    elif what == "a layer missing":
        np.savez_compressed(samples, softmax_layer00=np.load(samples)["softmax_layer00"])
    elif what == "samples of numbers":
        np.savez_compressed(samples, softmax_layer00=np.zeros((1, 256, 3)))
    elif what == "other columns":
        pd.read_parquet(parquet).rename(columns={"count": "counts"}).to_parquet(parquet)
    elif what == "an unknown function":
        pd.read_parquet(parquet).assign(function="exq").to_parquet(parquet)


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("no profile", ["p.parquet", "No such file", "mugi profile"]),
        ("no samples", ["s.npz", "No such file", "mugi profile"]),
        ("half a profile", ["p.parquet", "mugi profile"]),
        ("half the samples", ["s.npz", "mugi profile"]),
        ("empty samples", ["s.npz", "mugi profile"]),
        ("a layer missing", ["s.npz", "softmax_layer01", "did you mean"]),
        ("samples of numbers", ["softmax_layer00", "float64", "uint16"]),
        ("other columns", ["missing column 'count'", "did you mean 'counts'?"]),
        ("an unknown function", ["unknown function 'exq'", "did you mean 'exp'?"]),
    ],
)
def test_a_damaged_file_is_told_in_one_line(what, expected, tmp_path, capsys):
    source = write(tmp_path)
    damage(tmp_path, what)
    output = tmp_path / "fit.csv"
    assert main(["fit", *source, "--softmax", "exact", "-o", str(output)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    for part in expected:
        assert part in line
    assert not output.exists()


DRAW = ["--draw", "exp=normal:mean=0,std=3"]
SILU = ["--draw", "silu=normal:mean=0,std=3"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([*DRAW, "--softmax", "vpl:lut=8,max_exp=1..2"], "did you mean 'vlp'?"),
        ([*DRAW, "--softmax", "vlp:lut=8,max_exp=3..1"], "3..1 must go from lower to higher"),
        ([*DRAW, "--softmax", "vlp:lut=4,window=8,max_exp=1"], "wider than the LUT"),
        ([*DRAW, "--softmax", "vlp:lut=8,max_exp=1..9999999"], "too many methods"),
        ([*SILU, "--activation", "exact", "--error", KL], f"--error {KL}: only softmax has it"),
        ([*DRAW, "--softmax", "partial"], "partial cannot compute exp"),
        ([*DRAW, "--activation", "partial"], "no methods for these inputs"),
        ([*DRAW, "--softmax", "exact", "--rows", "0"], "--rows is 0; allowed: 1 or more"),
        ([*DRAW, "--softmax", "exact", "--shift=40"], "--shift 40..40; allowed: -16 to 16"),
        ([*DRAW, "--softmax", "exact", "--seed=-1"], "--seed is -1"),
        (["--softmax", "exact"], "no inputs"),
        ([*DRAW, "--profile", "x", "--softmax", "exact"], "not both"),
        (["--draw", "exq=normal:mean=0,std=1"], "did you mean 'exp'?"),
        (["--draw", "exp=norm:mean=0,std=1"], "did you mean 'normal'?"),
        (["--draw", "exp=normal:mean=0,sdt=1"], "did you mean 'std'?"),
        (["--draw", "exp=normal:mean=0"], "std must be a number"),
        (["--draw", "exp=normal:mean=0,std=1,std=2"], "parameter std is given twice"),
        (["--draw", "exp=normal:mean=0,std=-1"], "allowed: 0 or more"),
        (["--draw", "exp=normal:mean=nan,std=1"], "mean is nan"),
        (["--draw", "silu=uniform:low=1,high=1"], "low must be less than high"),
    ],
)
def test_bad_arguments_are_told_in_one_line(arguments, expected, tmp_path, capsys):
    output = tmp_path / "fit.csv"
    assert main(["fit", *arguments, "-o", str(output)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line
    assert not output.exists()


@pytest.mark.parametrize("text", ["vlp:lut=12,max_exp=3", "vlp:lut=9,min_exp=-3,mantissa=4"])
@pytest.mark.parametrize("function", ["exp", "silu"])
def test_a_lookup_table_holds_the_exact_values_of_its_arguments(function, text):
    method, inputs = parse(text), np.array([-0.02, -0.3, -1.7, -5.2])
    table = entries(method, function, inputs)
    low, high = method.lut_window
    signs = 1 if function == "exp" else 2
    assert len(table) == signs * (high - low + 1) << method.mantissa
    exact = to_bf16(FUNCTIONS[function](table["argument"].to_numpy()))
    assert (table["value_code"] == [f"0x{code:04X}" for code in exact]).all()
    window = table.loc[table["in_sliding_window"], "exponent"].unique()
    assert len(window) == method.sliding_window
    answers = from_bf16(look_up(method.stack(function), to_bf16(inputs)[:, None])[:, 0])
    for entry in table[table["read_by"] != ""].itertuples():
        for read in map(float, entry.read_by.split()):
            assert entry.in_sliding_window
            assert answers[inputs == read] == entry.value


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["exp", "pwl:segments=4,range=4", "--input=-1"], "has no lookup table"),
        (["exp", "vlp:lut=8,max_exp=1,adapt=2", "--input=-1"], "must be a fixed one"),
        (["exp", "vlp:lut=8,max_exp=1", "--input=1"], "takes 0 or less"),
        (["exp", "vlp:lut=8,max_exp=1", "--input=nan"], "finite"),
    ],
)
def test_bad_lookups_are_told_in_one_line(arguments, expected, tmp_path, capsys):
    assert main(["lookup", *arguments, "-o", str(tmp_path / "lut.csv")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line


SWEEP = """model,softmax,activation,woq,metric,value,reference
a,native,native,native,kl_divergence_nats,0,exact
a,"vlp:lut=8,max_exp=1",native,native,kl_divergence_nats,0.2,exact
a,"vlp:lut=8,max_exp=2",native,native,kl_divergence_nats,0.1,exact
a,"vlp:lut=8,max_exp=2",native,native,token_perplexity,0.01,exact
a,"vlp:lut=8,max_exp=3","vlp:lut=8,max_exp=3",native,kl_divergence_nats,0.001,exact
a,"vlp:lut=8,max_exp=4",native,int4:group=64,kl_divergence_nats,0.002,exact
a,"vlp:lut=8,max_exp=6,adapt=4",native,native,kl_divergence_nats,0.3,exact
a,"taylor:degree=5,center=-4",native,native,kl_divergence_nats,0.4,exact
a,exact,partial,native,kl_divergence_nats,0.4,exact
b,"vlp:lut=9,max_exp=2",native,native,kl_divergence_nats,0.01,exact
a,"vlp:lut=8,max_exp=-2",native,native,kl_divergence_nats,0.00001,native
"""


def test_a_sweep_selects_the_closest_of_each_kind_of_its_first_model(tmp_path):
    path = tmp_path / "sweep.csv"
    path.write_text(SWEEP)
    expected = ["vlp:lut=8,max_exp=2", "vlp:lut=8,max_exp=6,adapt=4", "taylor:degree=5,center=-4"]
    assert selected(path, "exp") == [parse(text) for text in expected]
    assert selected(path, "gelu") == [parse("partial")]
    path.write_text(SWEEP.replace("partial", "exact"))
    with pytest.raises(InputError, match="only activation is approximated"):
        selected(path, "silu")


def test_kinds_of_methods():
    assert family_of(parse("vlp:lut=8,max_exp=3")) == "vlp"
    assert family_of(parse("vlp:lut=8,max_exp=3,adapt=1")) == "adaptive_vlp"
    assert family_of(parse("partial")) == "partial"


def test_the_method_of_the_docs_can_be_added(tmp_path, monkeypatch):
    text = (ROOT / "docs" / "approximations.md").read_text(encoding="utf-8")
    namespace = {}
    exec(re.search(r"```python\n(.*?)```", text, re.S)[1], namespace)
    monkeypatch.setitem(methods.METHODS, "nearest", namespace["Nearest"])
    command = re.findall(r"^mugi (fit .*nearest.*)$", text, re.M)[0]
    arguments = [part.strip("'") for part in command.split()]
    arguments[-1] = str(tmp_path / "fit.csv")
    assert main(arguments) == 0
    table = pd.read_csv(tmp_path / "fit.csv")
    error = table[table["error"] == "weighted_absolute_error"].set_index("method")["value"]
    assert error["nearest:points=256,range=16"] < 0.1 * error["nearest:points=16,range=16"]
    assert methods.parse("nearest:points=2,range=4").stack("silu").tables.shape == (
        1,
        1 << 16,
    )


def test_commands_of_the_docs_run(tmp_path, monkeypatch):
    text = (ROOT / "docs" / "approximations.md").read_text(encoding="utf-8").replace("\\\n", "")
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^mugi ((?:fit|lookup|approximate) .*?)(?:#.*)?$", text, re.M)
    run = [c for c in commands if "profile" not in c and "nearest" not in c]
    assert len(run) == 5
    for command in run:
        assert main([part.strip("'") for part in command.split()]) == 0, command


DEFAULT = read_yaml(ROOT / "config.yaml").content
SMALL = {**DEFAULT, "hardware": DEFAULT["hardware"][:1], "figures": ["fig03"]}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"fit": {"softmax": ["vlp:luts=8..9,max_exp=1"]}}, ["fit.softmax.0", "'luts'", "'lut'?"]),
        ({"fit": {"activation": ["taylor:degree=5,center=-4"]}}, ["fit.activation.0", "cannot"]),
        ({"fit": {"models": ["smollm3"]}}, ["fit.models.0", "unknown model 'smollm3'"]),
        ({"fit": {"rows": 0}}, ["fit.rows", "greater than or equal to 1"]),
        ({"fit": {"shift": {"log2": [-1, 1]}}}, ["fit.shift", "must have 0"]),
        ({"fit": {"shift": {"log2": [0, 99]}}}, ["fit.shift.log2.1", "less than or equal to 16"]),
        ({"lookup": {"method": "pwl:segments=4,range=4"}}, ["lookup", "has no lookup table"]),
        ({"lookup": {"inputs": [1.0]}}, ["lookup", "takes 0 or less"]),
    ],
)
def test_a_mistake_in_the_configuration_gets_one_line(change, expected):
    with pytest.raises(InputError) as error:
        check(Document("config", merge(SMALL, change), {}))
    (line,) = str(error.value).splitlines()
    for part in expected:
        assert part in line
