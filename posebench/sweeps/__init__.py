"""Many evaluations from one file: planned, told from what is recorded already, run, and summed up."""
