# What becomes of a run, whichever way it ends: results/run.json. The report shows it, `mugi crate`
# exports it.
from mugi import record

RECORD = Path("results") / record.RUN


def begin_record():
    """Write down what the run is made by and what it will do."""
    record.begin(RECORD, config, str(BASE / "Snakefile"), record.jobs_of(workflow))


onsuccess:
    record.end(RECORD, record.jobs_of(workflow), succeeded=True)


onerror:
    ended = record.end(RECORD, record.jobs_of(workflow), succeeded=False)
    print(
        f"The run has {ended['state']}: {RECORD} has the state of each job; what there is so far: "
        f"mugi report {RECORD.parent} -o {RECORD.parent / 'report'}",
        file=sys.stderr,
    )
