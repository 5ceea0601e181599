# Verdicts on the paper's claims.
from mugi.claims_check import check as check_ledgers
from mugi.ledger import read_ledgers

try:  # before the first job
    known_claims = read_ledgers(LEDGERS)
    if workflow.is_main_process:
        check_ledgers(known_claims, {})
except InputError as error:
    stop(*(mistake.at("claims") for mistake in error.mistakes))
JUDGED = {claim.table for claim in known_claims.values()}


# The verdicts, and that none contradicts its record
rule claims:
    input:
        "results/claims/claims.csv",
        "results/claims/checked",


# A verdict on every claim and conclusion from the tables; a contradiction is told by check_claims,
# so that the table is kept
rule judge_claims:
    input:
        tables=[
            rules.approximations.input,
            rules.hardware.input,
            rules.carbon.input,
            rules.array.input,
            "results/accuracy/accuracy.csv",
            "results/accuracy/concentration.csv",
            "results/approximations/fit.csv",
            "results/judge/switches.csv",
            [output_paths(name)[0] for name in config["figures"] if name in JUDGED],
        ],
        ledgers=OWN_LEDGERS,
        sources=stage("claims"),
    output:
        multiext("results/claims/claims", ".md"),
        conclusions="results/claims/conclusions.csv",
        csv=reported(
            "results/claims/claims.csv",
            caption="../report/claims.rst",
            category="Claims",
            labels={"shows": "Claims: verdict on every claim"},
        ),
    log:
        "results/logs/judge_claims.log",
    benchmark:
        "results/benchmarks/judge_claims.tsv"
    conda:
        ENVIRONMENT
    params:
        ledgers=options("ledger", LEDGERS) if OWN_LEDGERS else [],
    message:
        "Judge every claim of the paper"
    shell:
        "mugi claims {input.tables:q} {params.ledgers:q} --partial --record-only -o {output.csv:q} "
        "> {log:q} 2>&1"


# Stops at a verdict that contradicts the recorded one
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
        "mugi claims --check {input:q} > {log:q} 2>&1"
