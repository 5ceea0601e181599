"""The only reader of tables, and the only writer: whole files or none, the same bytes.

Mistakes name the file, the line (of CSV) and the column.
"""

import csv
import io
import math
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from mugi.errors import InputError, Mistake, check_file, closest, first_line, raise_all
from mugi.runs import publishing, temporary_prefix
from mugi.runs import sha256_of as sha256_of

TABLES = (".csv", ".parquet")
MOST_CELLS = 500_000_000  # of a Parquet table: 5 million runs with all columns
MOST_BYTES = 8 * MOST_CELLS
MOST_TEXT = 1_000_000_000  # bytes of all its text, written out: these have a tenth
MOST_COLUMNS = 2000
COMMAS = "cells must be separated by commas, and decimals by points"


def read_table(
    path: str | Path,
    columns: Iterable[str] = (),
    numbers: Iterable[str] = (),
    texts: Iterable[str] = (),
    **how,
) -> pd.DataFrame:
    """Read a table from CSV or Parquet, by its ending; empty cells of text are empty text.

    Raises InputError if one of the `columns`, of `numbers` or of `texts` is missing, if a cell of
    `numbers` is not a finite number or one of `texts` is no text, if there are no rows, or if cells
    are not separated by commas. `how` goes to `pandas.read_csv`, such as `dtype=str`.
    """
    path, table = Path(path), _read(Path(path), how)
    raise_all(_huge(table, str(path)))
    objects = (name for name in table if table[name].dtype == object)
    long = [name for name in objects if pd.api.types.infer_dtype(table[name]) == "integer"]
    table = table.astype(dict.fromkeys(long, float))  # Python's, of more than 64 bits
    numbers, texts = list(numbers), list(texts)
    mistakes = [
        Mistake(f"missing column '{name}'", str(path), nearest=closest(name, table.columns))
        for name in dict.fromkeys([*columns, *numbers, *texts])
        if name not in table
    ]
    for name in [name for name in numbers if name in table]:
        values = pd.to_numeric(table[name], errors="coerce")  # what is none is refused here
        wrong = table.index[~np.isfinite(values)]
        if len(wrong):
            cell = str(table.loc[wrong[0], name])
            is_infinite = values[wrong[0]] in (math.inf, -math.inf)
            what = "is not finite" if is_infinite else f"is not a number{comma_hint(cell)}"
            mistakes.append(Mistake(f"'{cell}' {what}", f"{path}: line {wrong[0] + 2}, {name}"))
        if values.dtype != table[name].dtype:  # it was stored as text
            table[name] = values
    for name in [name for name in texts if name in table]:
        wrong = [row for row, cell in enumerate(table[name]) if not isinstance(cell, str)]
        if wrong:
            what = f"must be text, not {table.loc[wrong[0], name]}"
            mistakes.append(Mistake(what, f"{path}: line {wrong[0] + 2}, {name}"))
    if not len(table) and not mistakes:
        mistakes.append(Mistake("no rows", str(path)))
    raise_all(mistakes)
    return table


def _read(path: Path, how: dict) -> pd.DataFrame:
    """Return a table as its file has it, empty cells of text as empty text."""
    try:
        check_file(path)
        path.open("rb").close()  # pyarrow would not say why a file cannot be read
        if path.suffix == ".parquet":
            table = _parquet(path)
            texts = table.select_dtypes(["object", "str"]).columns
            table[texts] = table[texts].fillna("")
        else:
            _check_heading(path, how.get("sep", ","))
            how |= {"keep_default_na": False, "low_memory": False, "compression": None}
            table = pd.read_csv(path, **how)  # compression: text whatever it is called
    except InputError:
        raise
    except (OSError, ValueError, NotImplementedError, csv.Error) as error:  # of libraries too
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        if cells := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", reason):
            reason = f"line {cells[2]} has {cells[3]} cells, the heading {cells[1]}; {COMMAS}"
        raise InputError(Mistake(reason, str(path))) from None
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes what is too much as an index
        raise InputError(Mistake(f"rows have more cells than the heading; {COMMAS}", str(path)))
    return table


def _huge(table: pd.DataFrame, where: str) -> list[Mistake]:
    """Return a mistake for each column of whole numbers that no float can hold.

    pandas reads them as Python's, and then fails to convert them.
    """
    mistakes = []
    for name in (name for name in table if table[name].dtype == object):
        if "integer" in pd.api.types.infer_dtype(table[name], skipna=True):
            cells = (cell for cell in table[name] if type(cell) is int)
            if any(abs(cell) > sys.float_info.max for cell in cells):
                mistakes.append(Mistake("a number of more than 308 digits", f"{where}: {name}"))
    return mistakes


def _parquet(path: Path) -> pd.DataFrame:
    """Return a Parquet file's columns, whatever types pandas had stored them from.

    An index with a name is a column among them; one without is no more than numbers of rows.
    """
    import pyarrow
    from pyarrow import parquet

    said = parquet.read_metadata(path)
    if said.num_rows * max(1, said.num_columns) > MOST_CELLS:  # a few bytes may say a billion
        raise InputError(Mistake(f"more than {MOST_CELLS:,} cells", str(path)))
    size = sum(said.row_group(number).total_byte_size for number in range(said.num_row_groups))
    if size > MOST_BYTES:
        raise InputError(Mistake(f"unpacks to more than {MOST_BYTES:,} bytes", str(path)))
    schema = said.schema.to_arrow_schema()
    _check_columns(schema.names, str(path))
    kinds = {field.name: _plain(field.type, f"{path}: {field.name}") for field in schema}
    texts = [field.name for field in schema if _is_text(field.type)]
    # as dictionaries: a text that is there a million times is read once
    stored = parquet.read_table(path, partitioning=None, read_dictionary=texts)
    if sum(_text_bytes(stored[name]) for name in texts) > MOST_TEXT:
        raise InputError(Mistake(f"more than {MOST_TEXT:,} bytes of text", str(path)))
    plain = {
        name: stored[name].cast(kind)
        for name, kind in kinds.items()
        if not re.fullmatch(r"__index_level_\d+__", name)
    }
    return pyarrow.table(plain).to_pandas(ignore_metadata=True)


def _plain(kind, place: str):
    """Return what a type of Parquet is as numbers or text, as a CSV would have them.

    Raises InputError for cells that hold several values, bytes, or what only programs know.
    """
    import pyarrow
    from pyarrow import types

    if _is_text(kind) or types.is_temporal(kind):
        return pyarrow.string()
    kind = kind.value_type if types.is_dictionary(kind) else kind
    if types.is_decimal(kind) or types.is_float16(kind):
        return pyarrow.float64()
    if any(of(kind) for of in (types.is_primitive, types.is_boolean, types.is_null)):
        return kind
    raise InputError(Mistake(f"must hold numbers or text, not {kind}", place))


def _is_text(kind) -> bool:
    from pyarrow import types

    kind = kind.value_type if types.is_dictionary(kind) else kind
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def _text_bytes(column) -> int:
    """Return how many bytes the texts of a column have, each cell written out."""
    from pyarrow import compute

    return sum(
        compute.sum(compute.binary_length(chunk.dictionary).take(chunk.indices)).as_py() or 0
        for chunk in column.chunks
    )


def _check_heading(path: Path, separator: str) -> None:
    """Raise InputError for a CSV with another separator or with a column that is there twice.

    The first row tells too: rows may have another separator than the heading.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = file.readline(), file.readline()
        names = next(filter(None, csv.reader(chain(lines, file), delimiter=separator)), [])
    for number, line in enumerate(lines, 1):
        others = [sign for sign in ";\t|" if sign != separator and sign in line]
        if others and separator not in line and (number == 1 or separator in lines[0]):
            sign = {"\t": "tabs"}.get(others[0], f"'{others[0]}'")
            what = f"columns are separated by {sign}; {COMMAS}"
            raise InputError(Mistake(what, f"{path}:{number}"))
    _check_columns(names, f"{path}:1")


def _check_columns(names: list[str], place: str) -> None:
    """Raise InputError for too many columns, and for names that are there twice."""
    if len(names) > MOST_COLUMNS:
        raise InputError(Mistake(f"{len(names):,} columns, more than {MOST_COLUMNS:,}", place))
    twice = [name for name, count in Counter(filter(None, names)).items() if count > 1]
    raise_all([Mistake(f"column '{name}' is there twice", place) for name in twice])


def comma_hint(cell: str) -> str:
    """Return what to say of a number with a comma, or nothing."""
    cell = cell.strip()
    if re.fullmatch(r"[-+]?[1-9]\d{0,2}(,\d{3})+", cell):
        return " (a comma: use a point before decimals, and nothing between thousands)"
    return " (a decimal comma: use a point)" if re.fullmatch(r"[-+]?\d+,\d+", cell) else ""


def plain_frame(table: object, name: str) -> pd.DataFrame:
    """Return `table`, the argument `name` of a function, with numbers as numpy has them.

    pandas' own numbers (Int64, boolean, those of pyarrow) become these, missing ones NaN. Raises
    InputError for what is no pandas frame, and for names of columns that are no text or repeated.
    """
    if not isinstance(table, pd.DataFrame):
        raise InputError(f"{name} must be a pandas DataFrame, not {type(table).__name__}")
    odd = [repr(column) for column in table.columns if not isinstance(column, str)]
    twice = [repr(column) for column in table.columns[table.columns.duplicated()]]
    raise_all([f"{name}: a column's name must be text, not {column}" for column in odd])
    raise_all([f"{name}: column {column} is there twice" for column in twice])
    raise_all(_huge(table, name))
    numbers = [
        column
        for column, dtype in table.dtypes.items()
        if pd.api.types.is_extension_array_dtype(dtype) and pd.api.types.is_numeric_dtype(dtype)
    ]
    return table.astype(dict.fromkeys(numbers, float)) if numbers else table


def check_outputs(
    tables: Iterable[str | Path | None], others: Iterable[str | Path | None] = ()
) -> None:
    """Check that all that a command is about to write can be written; None is not asked for.

    Raises InputError as `check_writable` does, and if two of them are the same file.
    """
    paths = []
    for endings, group in ((TABLES, tables), ((), others)):
        for path in filter(None, group):
            check_writable(path, endings)
            paths.append(os.path.realpath(path))
    twice = [path for path, count in Counter(paths).items() if count > 1]
    raise_all([Mistake("would be written twice", path) for path in twice])


def check_writable(path: str | Path, endings: tuple[str, ...] = ()) -> None:
    """Make the folder of `path`; raises InputError if a file cannot be written there.

    `endings` are the allowed ones, any if there are none.
    """
    path = Path(path)
    if endings and path.suffix not in endings:
        raise InputError(Mistake(f"'{path}' must end in {' or '.join(endings)}"))
    place = f"cannot write {path}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(Mistake(f"{path.parent}: {error.strerror}", place)) from None
    if path.is_dir():
        raise InputError(Mistake("it is a folder", place))
    if not os.access(path.parent, os.W_OK):
        raise InputError(Mistake(f"{path.parent} is not writable", place))


def write_whole(path: str | Path, write: Callable[[str], None]) -> None:
    """Let `write(temporary)` fill a file beside `path`, then move it there in one step.

    A reader sees the old file or the whole new one; nothing is left of a write that fails. Raises
    InputError if the disk is full or otherwise refuses.
    """
    path = Path(path)
    check_writable(path)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=temporary_prefix(path))
        try:
            write(temporary)
            os.fsync(handle)  # or the name might outlive a power cut, and its content not
            os.chmod(temporary, 0o666 & ~_umask())  # mkstemp lets only the owner read
            with publishing(Path(temporary), path):
                os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        finally:
            os.close(handle)
    except OSError as error:
        reason = error.strerror or first_line(error)
        raise InputError(Mistake(reason, f"cannot write {path}")) from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write `data`, whole or not at all."""
    write_whole(path, lambda temporary: Path(temporary).write_bytes(data) and None)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` in UTF-8, whole or not at all."""
    write_bytes(path, text.encode())


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table without its index as CSV or Parquet, by the ending; floats keep every digit."""
    write_tables([table], path)


def write_tables(tables: Iterable[pd.DataFrame], path: str | Path) -> None:
    """Write tables of the same columns below each other, one at a time, as `write_table` does."""
    check_writable(path, TABLES)
    append = _append_parquet if Path(path).suffix == ".parquet" else _append_csv
    write_whole(path, lambda temporary: append(tables, temporary))


def join_csv(paths: Iterable[str | Path], path: str | Path) -> int:
    """Write CSV tables below each other, whatever their size; return the number of rows.

    Lines are copied, so that no number changes. Raises InputError for a table that cannot be read,
    has no rows, or other columns than the first.
    """
    paths, rows = list(paths), 0

    def write(temporary: str) -> None:
        nonlocal rows
        heading = _columns(paths[0])
        with open(temporary, "w", encoding="utf-8", newline="") as joined:
            csv.writer(joined, lineterminator="\n").writerow(heading)
            for source in paths:
                if _columns(source) != heading:
                    what = f"its columns are not those of {paths[0]}"
                    raise InputError(Mistake(what, str(source)))
                with open(source, encoding="utf-8-sig") as file:
                    next(csv.reader(file))
                    before = rows
                    for line in file:
                        joined.write(line if line.endswith("\n") else f"{line}\n")
                        rows += 1
                if rows == before:
                    raise InputError(Mistake("no rows", str(source)))

    write_whole(path, write)
    return rows


def _columns(path: str | Path) -> list[str]:
    """Return the heading of a CSV table."""
    try:
        check_file(path)
        _check_heading(Path(path), ",")
        with open(path, encoding="utf-8-sig", newline="") as file:
            return next(csv.reader(file), [])
    except InputError:
        raise
    except (OSError, ValueError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(Mistake(reason, str(path))) from None


def _append_csv(tables: Iterable[pd.DataFrame], path: str) -> None:
    for number, table in enumerate(tables):
        table.to_csv(path, index=False, header=not number, mode="a", lineterminator="\n")


def _append_parquet(tables: Iterable[pd.DataFrame], path: str) -> None:
    import pyarrow
    from pyarrow import parquet

    tables = iter(tables)
    first = pyarrow.Table.from_pandas(next(tables), preserve_index=False)
    texts = [field.name for field in first.schema if not pyarrow.types.is_floating(field.type)]
    with parquet.ParquetWriter(
        path, first.schema, use_dictionary=texts, compression="zstd"
    ) as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(pyarrow.Table.from_pandas(table, first.schema, False))


def pictures(figure) -> dict[str, bytes]:
    """Return a matplotlib figure or seaborn grid by suffix, pdf and png, without dates."""
    drawn = {}
    for suffix, metadata in {"pdf": {"CreationDate": None}, "png": {"Software": None}}.items():
        content = io.BytesIO()
        figure.savefig(content, format=suffix, metadata=metadata)
        drawn[suffix] = content.getvalue()
    return drawn
