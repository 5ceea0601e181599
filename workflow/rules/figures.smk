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
            labels={"figure": "Fig. 6", "shows": "methods over their parameters"},
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
        "Fig. 6: perplexity over the parameters of the methods"
    shell:
        "python {input.script} {input.table} -o {params.stem} 2> {log}"


use rule fig06 as fig06_published with:
    input:
        table="mugi/data/published_accuracy.csv",
        script="figures/fig06_published.py",
        sources=sources("figures/fig06_published.py"),
    output:
        "results/figures/fig06_published.csv",
        "results/figures/fig06_published.pdf",
        report(
            "results/figures/fig06_published.png",
            caption="../report/fig06_published.rst",
            category="Accuracy",
            labels={"figure": "Fig. 6", "shows": "the published results"},
        ),
    log:
        "results/logs/fig06_published.log",
    benchmark:
        "results/benchmarks/fig06_published.tsv"
    message:
        "Fig. 6 as published, its rows labelled with what was run"


use rule fig06 as table_accuracy with:
    input:
        table=["results/accuracy/accuracy.csv", "mugi/data/published_accuracy.csv"],
        script="figures/table_accuracy.py",
        sources=sources("figures/table_accuracy.py"),
    output:
        report(
            "results/tables/table_accuracy.csv",
            caption="../report/table_accuracy.rst",
            category="Accuracy",
            labels={"figure": "Fig. 6, table", "shows": "end-to-end accuracy"},
        ),
        "results/tables/table_accuracy.md",
        "results/tables/table_accuracy.tex",
    log:
        "results/logs/table_accuracy.log",
    benchmark:
        "results/benchmarks/table_accuracy.tsv"
    message:
        "Table of Fig. 6: end-to-end accuracy"


use rule fig06 as fig04 with:
    input:
        table=lambda w: expand(
            "results/accuracy/{kind}/{model}.parquet",
            kind=["profile", "profile_as_published"],
            model=config["profile"]["models"],
        ),
        script="figures/fig04.py",
        sources=sources("figures/fig04.py"),
    output:
        "results/figures/fig04.csv",
        "results/figures/fig04.pdf",
        report(
            "results/figures/fig04.png",
            caption="../report/fig04.rst",
            category="Accuracy",
            labels={"figure": "Fig. 4", "shows": "inputs of softmax and activation"},
        ),
    log:
        "results/logs/fig04.log",
    benchmark:
        "results/benchmarks/fig04.tsv"
    message:
        "Fig. 4: inputs of softmax and activation"


use rule fig06 as fig07 with:
    input:
        table=[
            "results/accuracy/tuning_curve.csv",
            "results/accuracy/tuning.csv",
            "mugi/data/published_accuracy.csv",
        ],
        script="figures/fig07.py",
        sources=sources("figures/fig07.py"),
    output:
        "results/figures/fig07.csv",
        "results/figures/fig07.pdf",
        report(
            "results/figures/fig07.png",
            caption="../report/fig07.rst",
            category="Accuracy",
            labels={"figure": "Fig. 7", "shows": "a LUT window for each layer"},
        ),
    log:
        "results/logs/fig07.log",
    benchmark:
        "results/benchmarks/fig07.tsv"
    message:
        "Fig. 7: a LUT window for each layer"


use rule fig06 as fig08 with:
    input:
        table=[
            rules.approximations.input,
            expand(
                "results/approximations/selected/{function}.csv",
                function=config["approximations"],
            ),
        ],
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


use rule fig06 as fig03 with:
    input:
        table="results/approximations/lookup.csv",
        script="figures/fig03.py",
        sources=sources("figures/fig03.py"),
    output:
        "results/figures/fig03.csv",
        "results/figures/fig03.pdf",
        report(
            "results/figures/fig03.png",
            caption="../report/fig03.rst",
            category="Approximations",
            labels={"figure": "Fig. 3", "shows": "a lookup table"},
        ),
    log:
        "results/logs/fig03.log",
    benchmark:
        "results/benchmarks/fig03.tsv"
    message:
        "Fig. 3: a lookup table by mantissa and exponent"


use rule fig06 as fig08_weighted with:
    input:
        table="results/approximations/weighted.csv",
        script="figures/fig08_weighted.py",
        sources=sources("figures/fig08_weighted.py"),
    output:
        "results/figures/fig08_weighted.csv",
        "results/figures/fig08_weighted.pdf",
        report(
            "results/figures/fig08_weighted.png",
            caption="../report/fig08_weighted.rst",
            category="Approximations",
            labels={
                "figure": "Fig. 8, weighted",
                "shows": "error by how often inputs occur",
            },
        ),
    log:
        "results/logs/fig08_weighted.log",
    benchmark:
        "results/benchmarks/fig08_weighted.tsv"
    message:
        "Fig. 8 weighted by how often inputs occur"


use rule fig06 as pareto with:
    input:
        table=[
            "results/approximations/fit.csv",
            "results/hardware/hardware.csv",
            "results/hardware/breakdown.csv",
        ],
        script="figures/pareto.py",
        sources=sources("figures/pareto.py"),
    output:
        "results/figures/pareto.csv",
        "results/figures/pareto.pdf",
        report(
            "results/figures/pareto.png",
            caption="../report/pareto.rst",
            category="Approximations",
            labels={"figure": "Pareto", "shows": "cost of a lane against error"},
        ),
    log:
        "results/logs/pareto.log",
    benchmark:
        "results/benchmarks/pareto.tsv"
    message:
        "Cost of a lane against error"


use rule fig06 as adaptive with:
    input:
        table="results/approximations/shifted.csv",
        script="figures/adaptive.py",
        sources=sources("figures/adaptive.py"),
    output:
        "results/figures/adaptive.csv",
        "results/figures/adaptive.pdf",
        report(
            "results/figures/adaptive.png",
            caption="../report/adaptive.rst",
            category="Approximations",
            labels={"figure": "Adaptive", "shows": "adaptive and fixed LUT windows"},
        ),
    log:
        "results/logs/adaptive.log",
    benchmark:
        "results/benchmarks/adaptive.tsv"
    message:
        "Adaptive and fixed LUT windows on shifted inputs"


use rule fig06 as fig11 with:
    input:
        table="results/hardware/hardware.csv",
        script="figures/fig11.py",
        sources=sources("figures/fig11.py"),
    output:
        "results/figures/fig11.csv",
        "results/figures/fig11.pdf",
        report(
            "results/figures/fig11.png",
            caption="../report/fig11.rst",
            category="Hardware",
            labels={"figure": "Fig. 11", "shows": "softmax and SiLU"},
        ),
    log:
        "results/logs/fig11.log",
    benchmark:
        "results/benchmarks/fig11.tsv"
    message:
        "Fig. 11: throughput and efficiency of softmax and SiLU"


use rule fig06 as fig12 with:
    input:
        table="results/hardware/hardware.csv",
        script="figures/fig12.py",
        sources=sources("figures/fig12.py"),
    output:
        "results/figures/fig12.csv",
        "results/figures/fig12.pdf",
        report(
            "results/figures/fig12.png",
            caption="../report/fig12.rst",
            category="Hardware",
            labels={"figure": "Fig. 12", "shows": "projection and attention"},
        ),
    log:
        "results/logs/fig12.log",
    benchmark:
        "results/benchmarks/fig12.tsv"
    message:
        "Fig. 12: throughput and efficiency of matrix products"


use rule fig06 as fig13 with:
    input:
        table=["results/hardware/hardware.csv", "results/hardware/breakdown.csv"],
        script="figures/fig13.py",
        sources=sources("figures/fig13.py"),
    output:
        "results/figures/fig13.csv",
        "results/figures/fig13.pdf",
        report(
            "results/figures/fig13.png",
            caption="../report/fig13.rst",
            category="Hardware",
            labels={"figure": "Fig. 13", "shows": "area and power by component"},
        ),
    log:
        "results/logs/fig13.log",
    benchmark:
        "results/benchmarks/fig13.tsv"
    message:
        "Fig. 13: area and power by component"


use rule fig06 as fig14 with:
    input:
        table="results/hardware/hardware.csv",
        script="figures/fig14.py",
        sources=sources("figures/fig14.py"),
    output:
        "results/figures/fig14.csv",
        "results/figures/fig14.pdf",
        report(
            "results/figures/fig14.png",
            caption="../report/fig14.rst",
            category="Hardware",
            labels={"figure": "Fig. 14", "shows": "batch sizes and lengths"},
        ),
    log:
        "results/logs/fig14.log",
    benchmark:
        "results/benchmarks/fig14.tsv"
    message:
        "Fig. 14: throughput and energy by batch size"


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


use rule fig06 as fig17 with:
    input:
        table="results/hardware/hardware.csv",
        script="figures/fig17.py",
        sources=sources("figures/fig17.py"),
    output:
        "results/figures/fig17.csv",
        "results/figures/fig17.pdf",
        report(
            "results/figures/fig17.png",
            caption="../report/fig17.rst",
            category="Hardware",
            labels={"figure": "Fig. 17", "shows": "networks of nodes"},
        ),
    log:
        "results/logs/fig17.log",
    benchmark:
        "results/benchmarks/fig17.tsv"
    message:
        "Fig. 17: throughput and efficiency of networks of nodes"


use rule fig06 as roofline with:
    input:
        table="results/hardware/hardware.csv",
        script="figures/roofline.py",
        sources=sources("figures/roofline.py"),
    output:
        "results/figures/roofline.csv",
        "results/figures/roofline.pdf",
        report(
            "results/figures/roofline.png",
            caption="../report/roofline.rst",
            category="Hardware",
            labels={"figure": "Roofline", "shows": "DRAM traffic and speed"},
        ),
    log:
        "results/logs/roofline.log",
    benchmark:
        "results/benchmarks/roofline.tsv"
    message:
        "Roofline: operations per byte of DRAM traffic"


use rule fig06 as table1 with:
    input:
        table="results/hardware/hardware.csv",
        script="figures/table1.py",
        sources=sources("figures/table1.py"),
    output:
        report(
            "results/tables/table1.csv",
            caption="../report/table1.rst",
            category="Hardware",
            labels={"figure": "Table 1", "shows": "language models"},
        ),
        "results/tables/table1.md",
        "results/tables/table1.tex",
    log:
        "results/logs/table1.log",
    benchmark:
        "results/benchmarks/table1.tsv"
    message:
        "Table 1: language models"


use rule fig06 as table2 with:
    input:
        table="results/hardware/hardware.csv",
        script="figures/table2.py",
        sources=sources("figures/table2.py"),
    output:
        report(
            "results/tables/table2.csv",
            caption="../report/table2.rst",
            category="Hardware",
            labels={"figure": "Table 2", "shows": "configurations"},
        ),
        "results/tables/table2.md",
        "results/tables/table2.tex",
    log:
        "results/logs/table2.log",
    benchmark:
        "results/benchmarks/table2.tsv"
    message:
        "Table 2: configurations of the accelerators"


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


use rule fig06 as fig02 with:
    input:
        table="results/array/gemm.csv",
        script="figures/fig02.py",
        sources=sources("figures/fig02.py"),
    output:
        "results/figures/fig02.csv",
        "results/figures/fig02.pdf",
        report(
            "results/figures/fig02.png",
            caption="../report/fig02.rst",
            category="Array",
            labels={"figure": "Fig. 2", "shows": "temporal spikes"},
        ),
    log:
        "results/logs/fig02.log",
    benchmark:
        "results/benchmarks/fig02.tsv"
    message:
        "Fig. 2: temporal spikes of a simulated array"


use rule fig06 as fig10 with:
    input:
        table="results/array/exp.csv",
        script="figures/fig10.py",
        sources=sources("figures/fig10.py"),
    output:
        "results/figures/fig10.csv",
        "results/figures/fig10.pdf",
        report(
            "results/figures/fig10.png",
            caption="../report/fig10.rst",
            category="Array",
            labels={"figure": "Fig. 10", "shows": "a walk through the array"},
        ),
    log:
        "results/logs/fig10.log",
    benchmark:
        "results/benchmarks/fig10.tsv"
    message:
        "Fig. 10: two mappings walk through a simulated array"
