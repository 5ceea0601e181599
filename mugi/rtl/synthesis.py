"""Synthesis of a Verilog module to the gates of a liberty file, by Yosys with ABC."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mugi.errors import InputError, Mistake, closest, raise_all

# liberty files of Debian's packages qflow-tech-NAME; osu035 and osu050 have the same cells, larger
LIBRARIES = {"osu018": Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")}
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
FASTEST_PS = 1  # a clock that nothing meets
# Registers, whose area is a flip-flop each, are the cells of Yosys named so
FLIP_FLOPS = "t:$_*FF*"
# of Yosys, and of ABC: a constant function may go on for ever, a macro grow without end
MOST_MINUTES, MOST_GB = 10, 8
LIMITED = (
    f"ulimit -t {MOST_MINUTES * 60}; ulimit -v {MOST_GB << 20}; ulimit -f {1 << 20};"
    " exec yosys -q -l log -s script.ys"
)
MOST_BYTES = 200_000_000  # of a file of Verilog, of a liberty file
READERS = ("`include", "$readmemh", "$readmemb")  # what reads files in Verilog
# Strings and comments; what is not closed goes on to the end, for Yosys too
QUIET = re.compile(r'"(?:\\.?|[^"\\])*(?:"|\Z)|//[^\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)
# -nodpi: functions of C, which Verilog may name, are an error instead of called
SCRIPT = """
read_verilog -nodpi {language} {sources}
hierarchy -check -top {top} {parameters}
synth -flatten -top {top}
tee -q -o registers select -count {registers}
dfflibmap -liberty cells.lib
abc -D {clock_ps} -constr none -liberty cells.lib
opt_clean -purge
tee -q -o cells select -count t:*
tee -q -o area stat -liberty cells.lib
"""


@dataclass(frozen=True)
class Synthesis:
    """What a module is made of.

    area: in the library's unit (µm², mostly); longest_path_ns: through gates, from register to
    register, without what a flip-flop itself takes; 0 where there is no gate.
    """

    area: float
    flip_flops: int
    cells: int
    longest_path_ns: float


def library(name: str | Path) -> Path:
    """Return the liberty file of a name or a path; raises InputError if there is none, or no cell.

    Yosys and ABC end without a word, or never, on what is empty or cut.
    """
    path = LIBRARIES.get(str(name), Path(name))
    if path.is_file():
        code = QUIET.sub("", _read(path))
        if not re.search(r"\bcell\s*\(", code):
            raise InputError(Mistake("no cells: empty, or no liberty file", str(path)))
        if code.count("{") != code.count("}"):
            raise InputError(Mistake("not whole: it has not as many '{' as '}'", str(path)))
        return path
    for packaged, its_path in LIBRARIES.items():
        if path == its_path:
            raise InputError(_missing(str(path), f"qflow-tech-{packaged}"))
    what = f"no liberty file '{name}'"
    near = closest(name, LIBRARIES)
    raise InputError(Mistake(what, allowed=("a path", *LIBRARIES), nearest=near))


def check_library(name: str) -> None:
    """Raise InputError for what is neither a name nor a file; a packaged one may be missing yet."""
    if name not in LIBRARIES:
        library(name)


def check_tool() -> None:
    """Raise InputError if Yosys is missing."""
    if not shutil.which("yosys"):
        raise InputError(_missing("yosys", "yosys"))


def _missing(what: str, package: str) -> Mistake:
    how = f"apt-get install {package}, or envs/rtl.yaml with conda"
    return Mistake(f"not installed: {how}; every target but `rtl` works without it", what)


def synthesise(
    sources: Iterable[Path],
    top: str,
    parameters: Mapping[str, int],
    liberty: Path,
    clock_ns: float | None,
) -> Synthesis:
    """Return what module `top` of Verilog files is made of, flattened.

    The gates are sized to meet `clock_ns`, and no faster; as fast as they get if it is None. Raises
    InputError for a file that cannot be read, a module or parameter that is not there, and
    synthesis that ends without an area, which Yosys does with exit status 0.
    """
    check_tool()
    sources = list(map(Path, sources))
    raise_all(_mistakes(sources, top, parameters))
    with tempfile.TemporaryDirectory(prefix="mugi-rtl-") as place:
        folder = Path(place)
        (folder / "cells.lib").symlink_to(liberty.absolute())
        (folder / "none").touch()  # with constraints, if only empty ones, ABC also sizes gates
        copies = {f"source{number}.v": path for number, path in enumerate(sources)}
        for copy, path in copies.items():
            (folder / copy).write_text(_code(path), "latin-1")
        script = SCRIPT.format(
            language="-sv" if any(path.suffix == ".sv" for path in sources) else "",
            sources=" ".join(copies),
            top=top,
            parameters=" ".join(f"-chparam {name} {value}" for name, value in parameters.items()),
            registers=FLIP_FLOPS,
            clock_ps=FASTEST_PS if clock_ns is None else round(clock_ns * 1000),
        )
        (folder / "script.ys").write_text(script)
        done = subprocess.run(
            ["sh", "-c", LIMITED],
            cwd=folder,
            env=os.environ | {"TMPDIR": str(folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        place = f"{top} of {', '.join(path.name for path in sources[:3])} on {liberty.name}"
        if done.returncode:
            reason = _reason(done.returncode, done.stderr, _text(folder / "log"))
            for copy, path in copies.items():
                reason = reason.replace(f"{copy}:", f"{path}:")
            raise InputError(Mistake(reason, place))
        return _result(folder, top, place)


def _mistakes(sources: list[Path], top: str, parameters: Mapping[str, int]) -> list[Mistake]:
    """Return what Yosys should not even be asked."""
    mistakes = [Mistake("no such file", str(path)) for path in sources if not path.is_file()]
    mistakes += [
        Mistake(f"'{name}' is no name of Verilog")
        for name in (top, *parameters)
        if not NAME.fullmatch(name)
    ]
    return mistakes or [mistake for path in sources for mistake in _readers(path)]


def _code(path: Path) -> str:
    """Return Verilog whose comments have no sign of a directive or a task.

    Yosys reads this: it must not matter whether it takes the same for comments.
    """
    signs = str.maketrans("`$", "''")
    return QUIET.sub(lambda m: m[0] if m[0][0] == '"' else m[0].translate(signs), _read(path))


def _readers(path: Path) -> Iterator[Mistake]:
    """Return what reads other files, or might: macros put together what is written in pieces."""
    for found in re.finditer(r"[`$]\w*", _code(path).replace("``", "  ")):
        if any(name.startswith(found[0]) for name in READERS):
            line = found.string.count("\n", 0, found.start()) + 1
            what = f"'{found[0]}' may read a file ({', '.join(READERS)}); name each file instead"
            yield Mistake(what, f"{path}:{line}")
            return


def _read(path: Path) -> str:
    """Return a file byte by byte, whatever its encoding."""
    if path.stat().st_size > MOST_BYTES:
        raise InputError(Mistake(f"more than {MOST_BYTES:,} bytes", str(path)))
    text = path.read_text("latin-1")
    if text.startswith("\x1f\x8b"):  # Yosys would read what is in it
        raise InputError(Mistake("compressed by gzip; unpack it", str(path)))
    return text


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def _reason(status: int, errors: str, log: str) -> str:
    """Return ABC's error, or Yosys' own, which may go on in the next line."""
    if status < 0 or "ABC: execution of command" in errors:
        ended = f"killed by signal {-status}" if status < 0 else "ABC failed"
        return f"no area: {ended}; it may take {MOST_MINUTES} minutes and {MOST_GB} GB"
    if of_abc := re.findall("ABC: Error: (.*)", log):
        return f"no area: ABC could not map it to the library: {of_abc[-1]}"
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    first = next((i for i, line in enumerate(lines) if "ERROR:" in line), max(len(lines) - 1, 0))
    reason = " ".join(lines[first : first + 2]).replace("ERROR: ", "") or "Yosys failed"
    return reason.replace("Found DPI function", "functions of C are not called:")


def _result(folder: Path, top: str, place: str) -> Synthesis:
    """Return what Yosys wrote."""
    told, log = _text(folder / "area"), _text(folder / "log")
    if unknown := sorted(set(re.findall(r"Area for cell type \\?(\S+) is unknown", told))):
        what = f"no area: the library has no cell for {', '.join(unknown[:5])}"
        raise InputError(Mistake(what, place))
    try:
        registers, cells = (
            _number(r"(\d+) objects", _text(folder / name)) for name in ("registers", "cells")
        )
        area = _number(r"Chip area for .*: *([0-9.e+-]+)", told) if cells else 0
    except IndexError:
        raise InputError(Mistake("synthesis ended without an area", place)) from None
    if not area > 0:
        raise InputError(Mistake(f"no area: {top} has no gates", place))
    path_ps = _number(r"Delay *= *([0-9.]+) *ps", log) if "Delay =" in log else 0.0
    return Synthesis(area, int(registers), int(cells), round(path_ps / 1000, 3))


def _number(pattern: str, text: str) -> float:
    """Return the last number that a pattern finds."""
    return float(re.findall(pattern, text)[-1])
