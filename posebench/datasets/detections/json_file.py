"""JSON that a stranger wrote: read whole, or refused with the file and the place."""

import json
from pathlib import Path
from typing import Any, NoReturn

from posebench.errors import DataDamagedError, DataMissingError


def read_json(path: Path) -> Any:
    """The value in a JSON file. NaN and Infinity, which are not JSON, are refused.

    Raises `DataMissingError` when the file cannot be opened and
    `DataDamagedError` with line and column when it is not JSON.
    """

    def refuse(constant: str) -> NoReturn:
        raise DataDamagedError(f"{path} holds {constant}, which is not JSON; write missing keypoints as 0, 0, 0.")

    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DataMissingError(f"There is no file {path}.") from error
    except OSError as error:
        raise DataDamagedError(f"{path} cannot be read ({error.strerror}).") from error
    try:
        return json.loads(content.decode("utf-8-sig"), parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise DataDamagedError(
            f"{path} is not JSON: {error.msg.lower()} at line {error.lineno}, column {error.colno}; "
            "it may be cut short, so get it again."
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataDamagedError(
            f"{path} is not JSON that can be read ({type(error).__name__}); get it again."
        ) from error
