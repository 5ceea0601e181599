"""The subcommands of `mugi`: each parses, calls one entry function and writes."""
