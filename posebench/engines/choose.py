"""An engine by its name, with the options of the command line."""

from posebench.engines.engine import Engine, check_count, cores
from posebench.errors import UsageError

ENGINES = ("local", "ray")


def choose_engine(
    name: str | None,
    workers: int | None = None,
    threads: int | None = None,
    ray_address: str | None = None,
    device: str = "auto",
) -> Engine | None:
    """The engine of a name, None for this process alone; raises `UsageError` for options that do not go together."""
    given = {"--workers": workers, "--threads": threads, "--ray-address": ray_address}
    wanted = {None: (), "local": ("--workers", "--threads"), "ray": tuple(given)}
    if name not in wanted:
        raise UsageError(f"--engine {name!r} is not known; give {' or '.join(ENGINES)}.")
    for option, value in given.items():
        if value is not None and option not in wanted[name]:
            raise UsageError(
                f"{option} is for --engine {'ray' if option == '--ray-address' else ' or '.join(ENGINES)}."
            )
    check_count("--workers", workers)
    check_count("--threads", threads)
    if name is None:
        return None
    if name == "ray":
        from posebench.engines.ray_engine import RayEngine

        return RayEngine(workers, threads, ray_address, gpus=_gpus_each(device))
    from posebench.engines.local import LocalEngine, visible_gpus

    gpus = visible_gpus(device)
    return LocalEngine(workers or len(gpus) or cores(), threads, gpus)


def _gpus_each(device: str) -> float:
    """A whole GPU for every task of a run on GPUs, which this machine has like the cluster's others."""
    from posebench.engines.local import visible_gpus

    return 1 if device.startswith("cuda") or visible_gpus(device) else 0
