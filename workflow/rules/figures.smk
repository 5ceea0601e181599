# One rule for each entry of mugi/figures.yaml: a new figure is a script and an entry.
from mugi.figures import FIGURES, OWN_SCRIPTS, SHOWN, captioned, output_paths

SCRIPTS = BASE / "figures"
# what every script imports: all that is no figure itself
SHARED = [
    *(path for path in sorted(SCRIPTS.glob("*.py")) if path.stem not in FIGURES),
    PACKAGE / "colours.py",
]


# All figures and tables of the configuration
rule figures:
    input:
        [output_paths(name) for name in config["figures"]],


for name, figure in FIGURES.items():
    try:
        caption, its_tables = captioned(name, config), figure.input_paths(config)
    except InputError as error:
        stop(*error.at("config: own_figures").mistakes)
    # one label: of two results that differ in a second one, Snakemake's report makes a switch that
    # finds neither, and shows a white page
    labels = {"shows": f"{figure.number}: {figure.title}"}
    own_tables = [
        path if path.startswith("results/") else local(str(PACKAGE.parent / path))
        for path in its_tables
    ]
    shown = f".{SHOWN[figure.kind]}"

    # A figure as PDF, PNG and CSV, or a table as CSV, Markdown and LaTeX
    rule:
        name:
            name
        input:
            tables=own_tables,
            script=local(str(OWN_SCRIPTS.get(name, SCRIPTS / f"{name}.py"))),
            shared=local(list(map(str, SHARED))),
        output:
            [
                (
                    reported(
                        path,
                        caption="../report/figure.rst",
                        category=figure.category,
                        labels=labels,
                    )
                    if path.endswith(shown)
                    else path
                )
                for path in output_paths(name)
            ],
        log:
            f"results/logs/{name}.log",
        benchmark:
            f"results/benchmarks/{name}.tsv"
        localrule: True
        conda:
            ENVIRONMENT
        params:
            program=(
                [str(OWN_SCRIPTS[name])]
                if name in OWN_SCRIPTS
                else ["-m", f"figures.{name}"]
            ),
            stem=subpath(output[0], strip_suffix=".csv"),
            caption=caption,
        message:
            f"{figure.number}: {figure.title}"
        shell:
            "python {params.program:q} {input.tables:q} -o {params.stem:q} > {log:q} 2>&1"
