"""What the Hub's client raises, as one sentence with the next step."""

from dataclasses import dataclass

from posebench.registry.manifest import HubFile


@dataclass(frozen=True)
class HubSubject:
    """The file that was wanted, as sentences speak of it."""

    hub: HubFile
    files: str
    """What it belongs to, in the plural: `the weights of videopose3d.h36m_27`."""
    online: str
    """What gets it where a connection is allowed: a command, or `the same command`."""
    instead: str
    """What to do that needs no Hub: `give --weights FILE`."""
    pin: str
    """What names commit and hash, and would have to be corrected."""

    @classmethod
    def of_weights(cls, model: str, hub: HubFile) -> "HubSubject":
        """The registered weights of a model."""
        pull = f"`posebench weights pull {model}`"
        return cls(hub, f"the weights of {model}", pull, "give --weights FILE", "the manifest")

    def __str__(self) -> str:
        return f"{self.files} ({self.hub.file} of {self.hub.repository} at {self.hub.revision[:12]})"


def http_status(error: Exception) -> int | None:
    """The status that the Hub answered; None for what is no answer of it."""
    response = getattr(error, "response", None)
    return None if response is None else int(response.status_code)


def hub_sentence(error: Exception, subject: HubSubject) -> str:
    """Why a file cannot be fetched and what to do."""
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    page = f"{constants.ENDPOINT}/{subject.hub.repository}"
    otherwise = f", or {subject.instead}"
    match error:
        case OfflineModeIsEnabled():
            return (
                f"{_upper(subject)} are not on this machine and the client is offline (HF_HUB_OFFLINE is set); unset it once "
                f"for {subject.online}{otherwise}."
            )
        case GatedRepoError():
            return (
                f"The repository of {subject} is gated: ask for access at {page}, log in with `hf auth login` or set HF_TOKEN, "
                f"and run the same command again{otherwise}."
            )
        case RepositoryNotFoundError():
            return (
                f"The Hub has no repository of {subject}, or it is private: check the name at {page}, for a private one log in "
                f"with `hf auth login` or set HF_TOKEN{otherwise}."
            )
        case RevisionNotFoundError():
            return f"The Hub has no such commit for {subject}: see {page}/commits/main and correct {subject.pin}{otherwise}."
        case EntryNotFoundError() if http_status(error) is not None:
            return (
                f"The Hub has no such file for {subject}: see {page}/tree/{subject.hub.revision} and correct {subject.pin}"
                f"{otherwise}."
            )
    return _general(error, f"{_upper(subject)} are not on this machine", otherwise)


def push_sentence(error: Exception, repository: str) -> str:
    """Why a file cannot be pushed and what to do."""
    from huggingface_hub.errors import LocalTokenNotFoundError, OfflineModeIsEnabled, RepositoryNotFoundError

    begin = f"Nothing was pushed to {repository}"
    match error:
        case LocalTokenNotFoundError():
            return f"{begin}: it needs a token of yours that may write; log in with `hf auth login` or set HF_TOKEN."
        case OfflineModeIsEnabled():
            return f"{begin}: the client is offline (HF_HUB_OFFLINE is set); unset it and run the same command again."
        case RepositoryNotFoundError():
            return f"{begin}: there is no such repository that your token may see; check --repo."
    if http_status(error) == 403:
        return f"{begin}: your token may not write there; make one that may, or choose another --repo."
    return _general(error, begin)


def _general(error: Exception, begin: str, otherwise: str = "") -> str:
    from huggingface_hub import constants

    status = http_status(error)
    if status == 401:
        return f"{begin} and the Hub does not accept your token: log in again with `hf auth login`, or correct HF_TOKEN{otherwise}."
    if status is not None:
        return f"{begin} and the Hub answers {status}: run the same command again later{otherwise}."
    if isinstance(error, OSError) and error.errno is not None:
        return (
            f"{begin} and the Hub's cache {constants.HF_HUB_CACHE} cannot be written ({error.strerror}): make room or set HF_HOME "
            f"to another folder{otherwise}."
        )
    return (
        f"{begin} and the Hub cannot be reached ({type(error).__name__}): run the same command again when the connection is "
        f"back{otherwise}."
    )


def _upper(subject: HubSubject) -> str:
    text = str(subject)
    return text[0].upper() + text[1:]
