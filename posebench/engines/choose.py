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
    """The engine of a name, None for this process alone, which may have `threads` too.

    Raises `UsageError` for options that do not go together.
    """
    given = {"--workers": workers, "--ray-address": ray_address}
    wanted = {None: (), "local": ("--workers",), "ray": tuple(given)}
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
    from posebench.engines.local import LocalEngine, visible_gpus

    gpus = visible_gpus(device)
    on_gpu = bool(gpus) or device.startswith("cuda")
    if name == "ray":
        from posebench.engines.ray_engine import RayEngine

        if ":" in device:
            raise UsageError(f"--device {device} is a GPU of this machine; with --engine ray give --device cuda.")
        # A whole GPU for every task, as this machine has them like the cluster's others.
        return RayEngine(workers, threads, ray_address, gpus=int(on_gpu))
    # A GPU that is named by its number has one worker, unless the user says otherwise.
    return LocalEngine(workers or len(gpus) or (1 if on_gpu else cores()), threads, gpus)
