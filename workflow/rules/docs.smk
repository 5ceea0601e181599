# What README.md and docs/ quote of the tables; `make update-docs` copies it there.


# The blocks of docs/update.py that come from tables, a file each
rule document_results:
    input:
        tables=[
            "results/accuracy/accuracy.csv",
            "results/accuracy/datapath.csv",
            "results/claims/claims.csv",
            "results/judge/accuracy.csv",
            "results/claims/conclusions.csv",
            "results/judge/curve.csv",
            "results/judge/survives.md",
        ],
        scripts=local(sorted(map(str, (BASE / "docs").rglob("*.py")))),
        sources=stage("claims", "compare", "report"),
    output:
        expand(
            "results/docs/{block}.md",
            block=[
                *[
                    "verdicts",
                    "headline",
                    "findings",
                    "conclusions",
                    "claims",
                    "claims_of_models",
                ],
                *[
                    "summary",
                    "accuracy",
                    "stand",
                    "quantisation",
                    "datapath",
                    "survives",
                ],
            ],
        ),
    log:
        "results/logs/document_results.log",
    benchmark:
        "results/benchmarks/document_results.tsv"
    conda:
        ENVIRONMENT
    params:
        folder=subpath(output[0], parent=True),
    message:
        "What the documentation quotes"
    shell:
        "python -m docs.update --write {params.folder:q} > {log:q} 2>&1"
