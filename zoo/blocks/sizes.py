"""What the numbers and switches of a lifter's configuration may be, said before torch fails on them. Imports no torch."""

from posebench.errors import UsageError


def check_counts(**values: object) -> None:
    """Raise `UsageError` for the first value that is not a whole number of 1 or more."""
    for name, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise UsageError(f"{name} is {value!r}; give a whole number of 1 or more.")


def check_positive(**values: object) -> None:
    """Raise `UsageError` for the first value that is not a number above 0."""
    for name, value in values.items():
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < float("inf"):
            raise UsageError(f"{name} is {value!r}; give a number above 0.")


def check_shares(**values: object) -> None:
    """Raise `UsageError` for the first value that is not a number from 0 to below 1."""
    for name, value in values.items():
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1:
            raise UsageError(f"{name} is {value!r}; give a number from 0 to below 1.")


def check_switches(**values: object) -> None:
    """Raise `UsageError` for the first value that is not true or false."""
    for name, value in values.items():
        if not isinstance(value, bool):
            raise UsageError(f"{name} is {value!r}; give true or false.")


def check_heads(heads: object, **widths: object) -> None:
    """Raise `UsageError` for the first width that does not divide into that many heads, or where either is no count."""
    check_counts(heads=heads, **widths)
    for name, width in widths.items():
        if width % heads:  # type: ignore[operator]  # both are whole numbers
            raise UsageError(f"{name} is {width}, which does not divide into {heads} heads.")
