"""Reading what is kept as JSON and has a schema: records of runs, of timings, of completions."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from posebench.errors import DataDamagedError, DataMissingError

Model = TypeVar("Model", bound=BaseModel)


def read_model(model: type[Model], path: Path, what: str) -> Model:
    """The value in a file; raises `DataMissingError`, or `DataDamagedError` naming the first wrong field of `what`."""
    try:
        return model.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise DataMissingError(f"There is no {what} {path}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise DataDamagedError(f"The {what} {path} is not valid: {field}: {first['msg']}.") from error


def visible_json(folder: Path) -> list[Path]:
    """The JSON files under a folder, sorted; hidden ones, as unfinished files are, are passed over."""

    def hidden(path: Path) -> bool:
        return any(part.startswith(".") for part in path.relative_to(folder).parts)

    return sorted(path for path in folder.rglob("*.json") if not hidden(path))
