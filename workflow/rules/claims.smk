rule claims:
    input:
        "results/claims/claims.csv",
        "results/claims/checked",


rule judge_claims:
    input:
        tables=[
            rules.approximations.input,
            rules.hardware.input,
            rules.carbon.input,
            rules.array.input,
            "results/accuracy/concentration.csv",
            "results/approximations/fit.csv",
            [
                drawn(name)[0]
                for name in ("fig06", "fig13", "fig14", "table2", "table_accuracy")
                if name in config["figures"]
            ],
        ],
        sources=sources("mugi.commands.claims"),
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
        # status 1, a contradiction, is told by check_claims, so that the table is kept
        "mugi claims {input.tables} --partial -o {output.csv} > {log} 2>&1 || [ $? -eq 1 ]"


rule check_claims:
    input:
        "results/claims/claims.csv",
    output:
        touch("results/claims/checked"),
    log:
        "results/logs/check_claims.log",
    benchmark:
        "results/benchmarks/check_claims.tsv"
    conda:
        ENVIRONMENT
    message:
        "No claim may contradict its recorded verdict"
    shell:
        "mugi claims --check {input} 2> >(tee {log} >&2)"
