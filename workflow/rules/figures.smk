rule figures:
    input:
        [drawn(name) for name in config["figures"]],


rule fig06:
    input:
        table="results/accuracy/sweep.csv",
        script="figures/fig06.py",
        sources=sources("figures/fig06.py"),
    output:
        "results/figures/fig06.csv",
        "results/figures/fig06.pdf",
        report(
            "results/figures/fig06.png",
            caption="../report/fig06.rst",
            category="Accuracy",
            labels={
                "figure": "Fig. 6",
                "shows": "perplexity by LUT size and max exponent",
            },
        ),
    log:
        "results/logs/fig06.log",
    benchmark:
        "results/benchmarks/fig06.tsv"
    conda:
        ENVIRONMENT
    params:
        stem=subpath(output[0], strip_suffix=".csv"),
    message:
        "Fig. 6: perplexity over LUT size and max exponent"
    shell:
        "python {input.script} {input.table} -o {params.stem} 2> {log}"


use rule fig06 as fig08 with:
    input:
        table=rules.approximations.input,
        script="figures/fig08.py",
        sources=sources("figures/fig08.py"),
    output:
        "results/figures/fig08.csv",
        "results/figures/fig08.pdf",
        report(
            "results/figures/fig08.png",
            caption="../report/fig08.rst",
            category="Approximations",
            labels={"figure": "Fig. 8", "shows": "relative error"},
        ),
    log:
        "results/logs/fig08.log",
    benchmark:
        "results/benchmarks/fig08.tsv"
    message:
        "Fig. 8: relative error of approximations"


use rule fig06 as fig15 with:
    input:
        table="results/carbon/carbon.csv",
        script="figures/fig15.py",
        sources=sources("figures/fig15.py"),
    output:
        "results/figures/fig15.csv",
        "results/figures/fig15.pdf",
        report(
            "results/figures/fig15.png",
            caption="../report/fig15.rst",
            category="Hardware",
            labels={"figure": "Fig. 15", "shows": "carbon"},
        ),
    log:
        "results/logs/fig15.log",
    benchmark:
        "results/benchmarks/fig15.tsv"
    message:
        "Fig. 15: operational and embodied carbon"


use rule fig06 as fig16 with:
    input:
        table="results/hardware/hardware.csv",
        script="figures/fig16.py",
        sources=sources("figures/fig16.py"),
    output:
        "results/figures/fig16.csv",
        "results/figures/fig16.pdf",
        report(
            "results/figures/fig16.png",
            caption="../report/fig16.rst",
            category="Hardware",
            labels={"figure": "Fig. 16", "shows": "end-to-end latency"},
        ),
    log:
        "results/logs/fig16.log",
    benchmark:
        "results/benchmarks/fig16.tsv"
    message:
        "Fig. 16: end-to-end latency"


use rule fig06 as table3 with:
    input:
        table="results/hardware/hardware.csv",
        script="figures/table3.py",
        sources=sources("figures/table3.py"),
    output:
        report(
            "results/tables/table3.csv",
            caption="../report/table3.rst",
            category="Hardware",
            labels={"figure": "Table 3", "shows": "end-to-end comparison"},
        ),
        "results/tables/table3.md",
        "results/tables/table3.tex",
    log:
        "results/logs/table3.log",
    benchmark:
        "results/benchmarks/table3.tsv"
    message:
        "Table 3: comparison of all designs"
