rule claims:
    input:
        "results/claims/claims.csv",


rule judge_claims:
    input:
        tables=[
            "results/hardware/hardware.csv",
            "results/carbon/carbon.csv",
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
