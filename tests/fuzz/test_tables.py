"""Tables from strangers, CSV and Parquet: runs, results with their carbon, tables to compare."""

import io
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
from hypothesis import strategies as st
from pyarrow import parquet

from mugi.carbon import account_carbon
from mugi.commands.collect import collected
from mugi.commands.evaluate import read_runs
from mugi.compare import compare
from mugi.files import read_table
from mugi.hardware import evaluate
from tests.fuzz.harness import Parser
from tests.fuzz.inputs import NUMBERS, TEXTS, Many, damaged, damaged_bytes, written
from tests.fuzz.test_hardware import MOST_ROWS, SMALL
from tests.hardware.test_bad_input import RUN

RUNS = pd.DataFrame([SMALL, SMALL | {"batch_size": 2, "variant": "lut"}]).assign(
    **{"assumption.dram_time": ["", "none"], "kv_heads": [None, 8]}
)
CSV = (RUNS.to_csv(index=False), pd.DataFrame([RUN | {"seq_len": 66}]).to_csv(index=False))
TOKENS = (
    *[
        ",",
        ";",
        "\t",
        "\n",
        "\r",
        "\r\n",
        '"',
        "'",
        "\x00",
        "\ufeff",
        "#",
        " ",
        "1,000",
        "1.5",
        "-1",
        "nan",
        "inf",
    ],
    *[
        "1e999",
        "9" * 400,
        "True",
        "null",
        "NA",
        "٣",
        "0x10",
        "mugi",
        "design",
        "assumption.dram_time",
        "ä",
        "=1+1",
    ],
    *[",".join("a" * 2000), "\n" * 500],
)


def used_runs(path: str) -> None:
    """Evaluate the runs of a table, as `mugi evaluate` does."""
    runs = read_runs(path)
    if len(runs) <= MOST_ROWS:
        evaluate(runs)


def use_csv(text: str | bytes, folder: Path) -> None:
    used_runs(written(text, folder / "runs.csv"))


RUNS_CSV = Parser(
    "runs as CSV",
    st.one_of(
        damaged(Many(CSV), TOKENS, most=4),
        damaged_bytes(Many(text.encode() for text in CSV)),
        st.text(max_size=40),
    ),
    use_csv,
    good=CSV,
    seeds=(
        f"design,array_height,model,batch_size,seq_len\nmugi,128,llama_2_7b,{10**400},9\n",
        "design,array_height,model,batch_size,seq_len\nmugi,128,~a\0b,1,9\n",
        ",".join(f"c{n}" for n in range(60_000)) + "\n",
        "a" * 200_000 + ",b\n1,2\n",
    ),
    command=lambda text, folder: ["evaluate", written(text, folder / "runs.csv")],
)


def test_runs_as_csv(fuzzed):
    fuzzed(RUNS_CSV)


# --- Parquet ------------------------------------------------------------------------------------

COLUMNS = (
    *[
        pyarrow.array(values)
        for values in ([[1], [2]], [{"a": 1}, None], [b"a", b"\xff"], [None, None])
    ],
    *[
        pyarrow.array([1, None], kind)
        for kind in (pyarrow.int8(), pyarrow.uint64(), pyarrow.float16())
    ],
    *[
        pyarrow.array([0, 1], kind)
        for kind in (pyarrow.date32(), pyarrow.timestamp("ns"), pyarrow.time64("us"))
    ],
    *[pyarrow.array([0, 2**50], kind) for kind in (pyarrow.timestamp("s"), pyarrow.duration("s"))],
    pyarrow.array([2**64 - 1, 0], pyarrow.uint64()),
    pyarrow.array([Decimal("1.5"), Decimal(8)]),
    pyarrow.array([True, False]),
    pyarrow.array(["a", "8"]).dictionary_encode(),
    pyarrow.array([float("nan"), float("inf")]),
    pyarrow.array(["x" * 5000, ""]),
)


@st.composite
def tables(draw, table: pd.DataFrame = RUNS) -> bytes:
    """Draw a Parquet file of a table in which columns are of other types, lost, or named oddly."""
    stored = pyarrow.Table.from_pandas(table, preserve_index=False)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, stored.num_columns - 1))
        name = draw(
            st.sampled_from([stored.column_names[place]] * 5 + [*TEXTS[:10], "__index_level_0__"])
        )
        values = st.lists(
            st.sampled_from([*NUMBERS[:6], *NUMBERS[-6:], None]), min_size=2, max_size=2
        )
        column = draw(
            st.sampled_from(COLUMNS) | values.map(lambda v: pyarrow.array(v, from_pandas=False))
        )
        match draw(st.sampled_from(["set", "set", "set", "remove", "add", "empty"])):
            case "set":
                stored = stored.set_column(place, name, column)
            case "remove" if stored.num_columns > 1:
                stored = stored.remove_column(place)
            case "add":
                stored = stored.append_column(name, column)
            case "empty":
                return _bytes_of(stored.slice(0, draw(st.integers(0, 1))))
    return _bytes_of(stored)


def _bytes_of(table: pyarrow.Table) -> bytes:
    """Return a table as a Parquet file."""
    file = io.BytesIO()
    parquet.write_table(table, file)
    return file.getvalue()


def use_parquet(data: bytes, folder: Path) -> None:
    used_runs(written(data, folder / "runs.parquet"))


REPEATED = pyarrow.DictionaryArray.from_arrays(np.zeros(40_000, np.int32), ["x" * 10**6])
WHOLE = _bytes_of(pyarrow.Table.from_pandas(RUNS, preserve_index=False))
RUNS_PARQUET = Parser(
    "runs as Parquet",
    st.one_of(tables(), tables(), damaged_bytes(Many([WHOLE]))),
    use_parquet,
    good=(WHOLE,),
    seeds=(_bytes_of(pyarrow.table({"note": REPEATED})),),
    command=lambda data, folder: ["evaluate", written(data, folder / "runs.parquet")],
)


def test_runs_as_parquet(fuzzed):
    fuzzed(RUNS_PARQUET)


# --- results ------------------------------------------------------------------------------------

RESULTS = evaluate(RUNS[RUNS["design"] == "mugi"])


def use_results(content: str | bytes, folder: Path) -> None:
    path = Path(
        written(content, folder / f"results.{'csv' if isinstance(content, str) else 'parquet'}")
    )
    if len(read_table(path)) <= MOST_ROWS:
        collected([path, path])
        account_carbon(read_table(path), presets=["as-published", "corrected"])


CARBON = Parser(
    "results, for carbon",
    st.one_of(damaged(Many([RESULTS.to_csv(index=False)]), TOKENS), tables(RESULTS)),
    use_results,
    good=(RESULTS.to_csv(index=False),),
    command=lambda content, folder: [
        *[
            "carbon",
            written(
                content, folder / f"results.{'csv' if isinstance(content, str) else 'parquet'}"
            ),
        ],
        *["-o", str(folder / "carbon.csv")],
    ],
)


def test_results_for_carbon(fuzzed):
    fuzzed(CARBON)


# --- tables to compare --------------------------------------------------------------------------

ACCURACY = pd.DataFrame(
    {
        "model": "tiny",
        **dict.fromkeys(["cross_softmax", "woq", "kvq"], ""),
        "activation": "exact",
        "softmax": ["exact", "vlp", "vlp"],
        "task": ["prose", "prose", "pydoc"],
        "reference": "native",
        "metric": "perplexity",
        "value": [10.0, 11.5, 12.25],
        "ci_low": [9.5, np.nan, 12.0],
        "ci_high": [10.5, np.nan, 13.0],
    }
)


def use_accuracy(content: str | bytes, folder: Path) -> None:
    ending = "csv" if isinstance(content, str) else "parquet"
    for side, data in {"ours": content, "theirs": ACCURACY.to_csv(index=False)}.items():
        (folder / side / "accuracy").mkdir(parents=True, exist_ok=True)
        for old in (folder / side / "accuracy").iterdir():
            old.unlink()
        written(
            data, folder / side / "accuracy" / f"accuracy.{ending if side == 'ours' else 'csv'}"
        )
    compare(results=folder / "ours", reference=folder / "theirs")
    compare(results=folder / "theirs", reference=folder / "ours")


COMPARED = Parser(
    "tables of accuracy, compared",
    st.one_of(
        damaged(Many([ACCURACY.to_csv(index=False)]), TOKENS),
        tables(ACCURACY.iloc[:2]),
        damaged_bytes(Many([ACCURACY.to_csv(index=False).encode()])).map(
            lambda data: data.decode("latin-1")
        ),
    ),
    use_accuracy,
    good=(ACCURACY.to_csv(index=False),),
)


def test_tables_of_accuracy_compared(fuzzed):
    fuzzed(COMPARED)
