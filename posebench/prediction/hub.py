"""A file of the Hugging Face Hub: fetched into the Hub's own cache, let in there only when its hash is the manifest's.

The client library speaks to the Hub, keeps the token from other hosts and lays out the cache. When it is interrupted
it drops what has come of a file; here that is kept beside the cache's blobs as `<etag>.posebench.part`, and the next
request is for the rest.
"""

import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from posebench.errors import WeightsError
from posebench.hashing import hash_file
from posebench.prediction.hub_errors import HubSubject, http_status, hub_sentence
from posebench.registry.manifest import HubFile

#: Called with (bytes here, bytes in all as far as they are known).
Report = Callable[[int, int], None]

#: How often in a row a try may fail without a byte having come.
TRIES = 5
#: Statuses that say that the same request may succeed later.
PASSING = (408, 425, 429, 500, 502, 503, 504)
#: The Hub's etag of a large file is its sha256; that of a small one is git's sha1.
SHA256_DIGITS = 64
wait = time.sleep


def cached(hub: HubFile) -> Path | None:
    """The file where the Hub's cache has it at this commit; asks nobody."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(hub.repository, hub.file, revision=hub.revision)
    return Path(found) if isinstance(found, str) else None


def forget(hub: HubFile) -> None:
    """Remove a damaged file from the Hub's cache, so that it is fetched again."""
    pointer = cached(hub)
    if pointer is None:
        return
    if pointer.is_symlink():
        (pointer.parent / pointer.readlink()).unlink(missing_ok=True)
    pointer.unlink()


def fetch(hub: HubFile, sha256: str, model: str, report: Report | None = None) -> Path:
    """The file in the Hub's cache, brought there if need be; an earlier try that was interrupted is taken up.

    Raises `WeightsError` that says why it cannot be had and what to do; what has come so far stays unless it is
    another file than the one with this sha256.
    """
    return fetch_file(HubSubject.of_weights(model, hub), sha256, report)


def fetch_file(subject: HubSubject, sha256: str | None, report: Report | None = None) -> Path:
    """As `fetch`, for any file; None as its sha256 takes the one that the Hub tells of a large file, and none for a small."""
    with quiet():
        try:
            return cached(subject.hub) or _Download(subject, sha256, report).run()
        except WeightsError:
            raise
        except client_errors() as error:
            raise WeightsError(hub_sentence(error, subject)) from error


def client_errors() -> tuple[type[Exception], ...]:
    """What the client raises: the base of its HTTP library's errors, which library it is differs by release, and `OSError`."""
    from huggingface_hub.errors import HfHubHTTPError

    return HfHubHTTPError.__bases__[0], OSError


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back the client's bars and warnings: posebench has a bar of its own and says one sentence."""
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars, logging

    verbosity, bars = logging.get_verbosity(), not are_progress_bars_disabled()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="huggingface_hub")
        logging.set_verbosity(logging.ERROR)
        disable_progress_bars()
        try:
            yield
        finally:
            logging.set_verbosity(verbosity)
            if bars:
                enable_progress_bars()


class _Download:
    """One file on its way. Once it has grown, a line that breaks is worth waiting for."""

    def __init__(self, subject: HubSubject, sha256: str | None, report: Report | None) -> None:
        self.hub, self.subject, self.sha256, self.report = subject.hub, subject, sha256, report
        self.began = self.grew = False
        self.furthest = 0

    def run(self) -> Path:
        failures = 0
        while True:
            self.grew = False
            try:
                return self._try_once()
            except WeightsError:
                raise
            except client_errors() as error:
                failures = 0 if self.grew else failures + 1
                if failures >= TRIES or not (self.grew or self._may_pass(error)):
                    raise
            wait(2.0 ** max(failures - 1, 0))

    def _may_pass(self, error: Exception) -> bool:
        status = http_status(error)
        # An error number is the disk's: the HTTP library's errors have none.
        return status in PASSING if status else self.began and getattr(error, "errno", None) is None

    def _try_once(self) -> Path:
        """Ask for the file's place anew each time, for a signed address of a store expires, and bring what is lacking."""
        from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url
        from huggingface_hub.file_download import repo_folder_name
        from huggingface_hub.utils import WeakFileLock

        hub = self.hub
        url = hf_hub_url(hub.repository, hub.file, revision=hub.revision)
        about = get_hf_file_metadata(url)
        if about.etag is None or about.commit_hash != hub.revision:
            raise WeightsError(
                f"{constants.ENDPOINT} did not answer as a Hub does when asked for {self.subject}; check HF_ENDPOINT and the "
                f"proxy, or {self.subject.instead}."
            )
        cache, folder = Path(constants.HF_HUB_CACHE), repo_folder_name(repo_id=hub.repository, repo_type="model")
        if self.sha256 is None and len(about.etag) == SHA256_DIGITS:
            self.sha256 = about.etag
        blob = cache / folder / "blobs" / about.etag
        part = blob.with_name(f"{about.etag}.posebench.part")
        lock = cache / ".locks" / folder / f"{about.etag}.posebench.lock"
        for path in (blob, lock):
            path.parent.mkdir(parents=True, exist_ok=True)
        # Two processes that want the same file: one brings it, the other waits and finds it.
        with WeakFileLock(lock):
            if not blob.exists():
                self._bring(url, part, about.size)
                os.replace(part, blob)
        # The blob is there: the client only adds the commit that points to it.
        return Path(hf_hub_download(hub.repository, hub.file, revision=hub.revision))

    def _bring(self, url: str, part: Path, size: int | None) -> None:
        """Fill the part until it is the file; one that turns out to be another is removed."""
        resumed = _size(part) > 0
        self._receive(url, part, size)
        if self.sha256 is None:
            return
        found = hash_file(part)
        if found != self.sha256 and resumed:  # what was kept may have been damaged on this disk
            part.unlink()
            self._receive(url, part, size)
            found = hash_file(part)
        if found == self.sha256:
            return
        part.unlink()
        raise WeightsError(
            f"The Hub's file of {self.subject} has sha256 {found[:12]}…, {self.subject.pin} names {self.sha256[:12]}…: it was not "
            f"kept; ask whoever wrote {self.subject.pin}, or {self.subject.instead}."
        )

    def _receive(self, url: str, part: Path, size: int | None) -> None:
        from huggingface_hub import constants
        from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_stream_backoff

        have = _size(part)
        if size is not None and have > size:
            part.unlink()
            have = 0
        if have == size:
            return
        headers = {**build_hf_headers(library_name="posebench"), "Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        with http_stream_backoff(
            "GET",
            url,
            headers=headers,
            timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT,
            retry_on_exceptions=(),
            retry_on_status_codes=(),
        ) as response:
            if have and response.status_code == 416:
                return  # a size that is not told, and nothing lacks: the hash will tell
            hf_raise_for_status(response)
            # A server that ignores Range sends all of it.
            with part.open("ab" if response.status_code == 206 else "wb") as file:
                for block in response.iter_bytes():
                    file.write(block)
                    file.flush()
                    if file.tell() > self.furthest:
                        self.furthest, self.grew, self.began = file.tell(), True, True
                    if self.report is not None:
                        self.report(file.tell(), size or file.tell())
        if size is not None and _size(part) < size:
            raise ConnectionError(f"the connection broke after {_size(part):,} of {size:,} bytes")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
