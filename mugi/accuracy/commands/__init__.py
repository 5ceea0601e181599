"""The command line of the stages: each module parses, calls one entry function and writes."""
