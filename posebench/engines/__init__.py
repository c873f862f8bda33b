"""Work shared out among processes, by existing libraries: `local` (concurrent.futures) and `ray`."""
