"""Nothing that a file or a setting says is run: no such call stands in the sources."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    path
    for folder in ("mugi", "figures", "workflow", "docs", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
)
CALLS = {"eval", "exec", "compile", "__import__", "system", "popen", "getstatusoutput", "getoutput"}
CALLS |= {"execfile", "query", "unsafe_load", "full_load", "read_pickle", "to_pickle", "Unpickler"}
MODULES = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "code",
    "runpy",
}
NO_MODEL = {"eval"}  # `model.eval()` is PyTorch's: it has no arguments
NEEDS = {  # call -> the argument that it must have
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
    "Image.open": ("formats", None),
    "av.open": ("format", None),
}
MUST_NOT = {"shell": True, "trust_remote_code": True, "allow_pickle": True, "weights_only": False}


def forbidden(source: str) -> list[str]:
    """Return what of a Python source may run what it reads, as `line: what`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        for what in _wrong(node):
            found.append(f"{node.lineno}: {what}")
    return found


def _wrong(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [name.name for name in names if name.name.partition(".")[0] in MODULES]
        case ast.ImportFrom(module=str() as module, names=names):
            of_os = [n.name for n in names if module == "os" and n.name in CALLS]
            return of_os + [module] * (module.partition(".")[0] in MODULES)
        case ast.Dict(keys=keys, values=values):  # arguments that are passed on with **
            pairs = [
                (getattr(key, "value", None), value)
                for key, value in zip(keys, values, strict=True)
            ]
            return _wrong_arguments(pairs)
        case ast.Call(func=func, args=args, keywords=keywords):
            name = ast.unparse(func)
            last = name.rpartition(".")[2]
            is_models = last in NO_MODEL and "." in name and not args and not keywords
            wrong = [name] if last in CALLS and not is_models and name != "re.compile" else []
            if name in ("yaml.load", "yaml.load_all"):
                wrong.append(name)
            given = {keyword.arg: keyword.value for keyword in keywords}
            key, value = NEEDS.get(name, (None, None))
            if key and not (key in given and value in (None, getattr(given[key], "value", ...))):
                wrong.append(f"{name} without {key}")
            return wrong + _wrong_arguments(given.items())
    return []


def _wrong_arguments(pairs) -> list[str]:
    return [
        f"{name}={MUST_NOT[name]}"
        for name, value in pairs
        if name in MUST_NOT and getattr(value, "value", None) is MUST_NOT[name]
    ]


@pytest.mark.parametrize(
    "source",
    [
        *("eval('1')", "exec(x)", "compile(x, '', 'exec')", "table.query('a > 1')", "df.eval('a')"),
        *("os.system('ls')", "os.popen('ls')", "from os import system", "__import__('os')"),
        *("import pickle", "from pickle import load", "import joblib", "pd.read_pickle('x')"),
        *("yaml.load(x, yaml.Loader)", "yaml.unsafe_load(x)", "subprocess.run(x, shell=True)"),
        *("torch.load(x)", "torch.load(x, weights_only=False)", "np.load(x, allow_pickle=True)"),
        *("np.load(x)", "M.from_pretrained(x, trust_remote_code=True)", "Image.open(x)"),
        *("M(**{'trust_remote_code': True})", "av.open(x)", "subprocess.getoutput(x)"),
    ],
)
def test_what_runs_text_is_found(source):
    assert forbidden(source)


def test_what_only_looks_alike_is_not():
    for source in ("model.eval()", "re.compile('a')", "torch.load(x, weights_only=True)"):
        assert not forbidden(source)


def test_no_source_runs_what_it_reads():
    found = [f"{path}:{what}" for path in SOURCES for what in forbidden(path.read_text("utf-8"))]
    # named where a checkpoint's pickle is refused, never loaded
    assert [one for one in found if "mugi/llm/load.py" not in one] == []
    assert len(SOURCES) > 200
    loading = (ROOT / "mugi" / "llm" / "load.py").read_text("utf-8")
    assert set(re.findall(r"pickle\.(\w+)", loading)) == {"UnpicklingError"}


RULES = [ROOT / "Snakefile", *sorted((ROOT / "workflow").rglob("*.smk"))]


def test_every_value_in_a_command_is_quoted():
    """Snakemake puts a value into a shell's line as it is but for `{value:q}`."""
    commands = [
        (path, block)
        for path in RULES
        for block in re.findall(r'^ +shell:\n((?: +[rf]?".*"\n)+)', path.read_text("utf-8"), re.M)
    ]
    assert len(commands) > 30
    words = sum(path.read_text("utf-8").count("shell:") for path in RULES)
    assert len(commands) == words
    bare = {
        f"{path.name}: {{{name}}}"
        for path, block in commands
        for name in re.findall(r"{([\w.]+)}", block)
        if name != "threads"  # a number
    }
    assert bare == set()
