"""Every error a user can cause, each with the exit code of the command line.

A message is one sentence: what is wrong, where, and what to do next. Each class
also inherits from what a Python caller would naturally catch.

Exit codes: 0 done, 1 a check failed, 2 usage, 3 data or weights missing or
damaged, 4 numbers not finite, 130 interrupted.
"""


class PosebenchError(Exception):
    """Base of all errors that posebench raises on purpose."""

    exit_code = 2

    def __str__(self) -> str:
        # KeyError would print the repr of its message; a sentence is wanted.
        return " ".join(str(a) for a in self.args)


class UsageError(PosebenchError, ValueError):
    """Something asked for cannot be done as asked."""


class UnknownNameError(UsageError, LookupError):
    """A name that nothing is registered under."""


class DuplicateNameError(UsageError):
    """Two origins registered the same name."""


class ManifestError(UsageError):
    """A manifest (`registry.yaml`) that does not validate."""


class LifterContractError(UsageError, TypeError):
    """A lifter returned something its `LifterSpec` did not promise."""


class DataMissingError(PosebenchError, FileNotFoundError):
    """A data set, prediction or record that is not on this machine."""

    exit_code = 3


class DataDamagedError(PosebenchError, OSError):
    """A file that is truncated, altered, or not in its owner's layout."""

    exit_code = 3


class WeightsError(PosebenchError, OSError):
    """Weights that are missing, altered, or do not fit the architecture."""

    exit_code = 3


class NotFiniteError(PosebenchError, ArithmeticError):
    """NaN or infinity where a number was promised."""

    exit_code = 4


class CheckFailedError(PosebenchError):
    """A check that ran to its end and found a difference."""

    exit_code = 1
