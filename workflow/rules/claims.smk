rule claims:
    input:
        "results/claims/claims.csv",


rule judge_claims:
    input:
        tables=[
            rules.approximations.input,
            rules.hardware.input,
            rules.carbon.input,
            rules.array.input,
            "results/accuracy/concentration.csv",
            "results/figures/fig13.csv",
            "results/figures/fig14.csv",
            "results/tables/table2.csv",
        ],
        sources=sources("mugi.claims", "mugi/data/claims.csv"),
    output:
        multiext("results/claims/claims", ".md"),
        csv=report(
            "results/claims/claims.csv",
            caption="../report/claims.rst",
            category="Claims",
            labels={"figure": "Claims", "shows": "verdict on every claim"},
        ),
    log:
        "results/logs/judge_claims.log",
    benchmark:
        "results/benchmarks/judge_claims.tsv"
    conda:
        ENVIRONMENT
    message:
        "Judge every claim of the paper"
    shell:
        "mugi claims {input.tables} -o {output.csv} > {log} 2>&1"
