"""A Hub on loopback that speaks the real client's protocol, and its store of large files at an address of its own.

Small files are handed out by the Hub itself, large ones (`.safetensors`) by a redirect to the store, which must never
see a token. What goes wrong is set by the attributes.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from file_server import FileServer, _Handler

TOKEN = "hf_of_the_owner"


@dataclass
class Repository:
    """Commits by their 40 hex digits, oldest first, each a whole tree of files."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    gated: bool = False
    private: bool = False

    def commit(self, files: dict[str, bytes]) -> str:
        """A commit of these files on top of the last; returns its name."""
        tree = {**(list(self.commits.values())[-1] if self.commits else {}), **files}
        name = hashlib.sha1(repr((len(self.commits), sorted(tree.items()))).encode()).hexdigest()
        self.commits[name] = tree
        return name

    @property
    def head(self) -> str | None:
        return list(self.commits)[-1] if self.commits else None


class Store(FileServer):
    """Where large files lie: GET with ranges as `FileServer`, PUT for uploads. `tokens` collects what it must not see."""

    def __init__(self) -> None:
        super().__init__()
        self.RequestHandlerClass = _StoreHandler
        self.tokens: list[str | None] = []


class _StoreHandler(_Handler):
    server: Store

    def do_HEAD(self) -> None:  # noqa: N802
        """As any server of files answers, without a word of commits."""
        self.send_response(200)
        self.send_header("ETag", str(self.server.etag))
        self.end_headers()

    def do_GET(self) -> None:  # noqa: N802
        self.server.tokens.append(self.headers.get("Authorization"))
        super().do_GET()

    def do_PUT(self) -> None:  # noqa: N802
        self.server.tokens.append(self.headers.get("Authorization"))
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.files[self.path.lstrip("/")] = content
        self._empty(200)


class HubServer(ThreadingHTTPServer):
    """Repositories by `owner/name`; `asked` collects (method, path), `statuses` the answers the next requests get instead."""

    daemon_threads = True

    def __init__(self, store: Store) -> None:
        super().__init__(("127.0.0.1", 0), _HubHandler)
        self.store = store
        self.repositories: dict[str, Repository] = {}
        self.members = {TOKEN: "lab"}
        #: Tokens that may read gated repositories.
        self.granted = {TOKEN}
        self.statuses: list[int] = []
        self.tells_size = True
        self.asked: list[tuple[str, str]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def add(self, name: str, files: dict[str, bytes], **kind: bool) -> str:
        """A repository with one commit; returns the commit."""
        self.repositories[name] = Repository(**kind)
        return self.repositories[name].commit(files)


class _HubHandler(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._begin("HEAD")

    def do_GET(self) -> None:
        self._begin("GET")

    def do_POST(self) -> None:
        self._begin("POST")

    def _begin(self, method: str) -> None:
        path = unquote(urlsplit(self.path).path).lstrip("/")
        self.server.asked.append((method, path))
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.statuses:
            self._answer(self.server.statuses.pop(0))
        elif not self._may_read_token():
            self._answer(401, {"X-Error-Message": "Invalid credentials in Authorization header"})
        elif path.startswith("api/") or path.endswith("/info/lfs/objects/batch"):
            self._api(path.removeprefix("api/"), content)
        else:
            self._resolve(path)

    @property
    def _token(self) -> str | None:
        said = self.headers.get("Authorization")
        return said.removeprefix("Bearer ") if said else None

    def _may_read_token(self) -> bool:
        return self._token is None or self._token in self.server.members

    def _resolve(self, path: str) -> None:
        """`owner/name/resolve/commit/file`: the file, or where the store has it."""
        owner, name, _, revision, file = path.split("/", 4)
        repository = self.server.repositories.get(f"{owner}/{name}")
        if repository is None or (repository.private and self._token is None):
            return self._answer(401 if self._token is None else 404, {"X-Error-Code": "RepoNotFound"})
        if repository.gated and self._token not in self.server.granted:
            return self._answer(401 if self._token is None else 403, {"X-Error-Code": "GatedRepo"})
        if revision not in repository.commits:
            return self._answer(404, {"X-Error-Code": "RevisionNotFound"})
        content = repository.commits[revision].get(file)
        if content is None:
            return self._answer(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": revision})
        headers = {"X-Repo-Commit": revision, "Accept-Ranges": "bytes"}
        if not file.endswith(".safetensors"):
            return self._answer(200, {**headers, "ETag": f'"{hashlib.sha1(content).hexdigest()}"'}, content)
        sha256 = hashlib.sha256(content).hexdigest()
        self.server.store.files.setdefault(sha256, content)
        return self._answer(
            302,
            {
                **headers,
                "Location": f"{self.server.store.address}/{sha256}",
                "X-Linked-Etag": f'"{sha256}"',
                **({"X-Linked-Size": str(len(content))} if self.server.tells_size else {}),
            },
        )

    def _api(self, path: str, content: bytes) -> None:
        if self._token is None:
            return self._answer(401, {"X-Error-Code": "RepoNotFound"})
        member = self.server.members[self._token]
        if path == "whoami-v2":
            return self._json({"type": "user", "name": member, "auth": {"type": "access_token"}})
        if path == "validate-yaml":
            card = json.loads(content)["content"]
            return self._json({"errors": [], "warnings": []}) if card.startswith("---\n") else self._answer(400)
        if path == "repos/create":
            return self._create(member, json.loads(content))
        if path.endswith("/info/lfs/objects/batch"):
            return self._lfs_batch(json.loads(content))
        _, owner, name, what, *_ = [*path.split("/"), "info"]
        repository = self.server.repositories.get(f"{owner}/{name}")
        if repository is None:
            return self._answer(404, {"X-Error-Code": "RepoNotFound"})
        if what in ("revision", "info"):
            return self._json({"id": f"{owner}/{name}", "sha": repository.head, "siblings": [], "tags": []})
        if owner != member:
            return self._answer(403, {"X-Error-Message": "You don't have the required permissions"})
        if what == "preupload":
            return self._preupload(repository, json.loads(content))
        return self._commit(f"{owner}/{name}", repository, content)

    def _create(self, member: str, asked: dict[str, Any]) -> None:
        owner = asked.get("organization") or member
        name = f"{owner}/{asked['name']}"
        if owner != member:
            return self._answer(403, {"X-Error-Message": "You don't have the rights to create a model there"})
        exists = name in self.server.repositories
        if not exists:
            private = asked.get("private") is True or asked.get("visibility") == "private"
            self.server.repositories[name] = Repository(private=private)
        return self._json({"url": f"{self.server.address}/{name}"}, 409 if exists else 200)

    def _preupload(self, repository: Repository, asked: dict[str, Any]) -> None:
        tree = repository.commits[repository.head] if repository.head else {}
        files = []
        for file in asked["files"]:
            path, large = file["path"], file["path"].endswith(".safetensors")
            there = tree.get(path)
            if there is None:
                oid = None
            elif large:
                oid = hashlib.sha256(there).hexdigest()
            else:
                oid = hashlib.sha1(b"blob %d\0" % len(there) + there).hexdigest()
            files.append({"path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False, "oid": oid})
        self._json({"files": files})

    def _lfs_batch(self, asked: dict[str, Any]) -> None:
        objects = []
        for wanted in asked["objects"]:
            href = f"{self.server.store.address}/{wanted['oid']}"
            here = wanted["oid"] in self.server.store.files
            objects.append({**wanted, **({} if here else {"actions": {"upload": {"href": href}}})})
        self._json({"transfer": "basic", "objects": objects})

    def _commit(self, name: str, repository: Repository, content: bytes) -> None:
        files = {}
        for line in content.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                files[value["path"]] = self.server.store.files[value["oid"]]
        oid = repository.commit(files)
        self._json({"commitUrl": f"{self.server.address}/{name}/commit/{oid}", "commitOid": oid, "success": True})

    def _json(self, value: dict[str, Any], status: int = 200) -> None:
        self._answer(status, {"Content-Type": "application/json"}, json.dumps(value).encode())

    def _answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Silent."""


@contextmanager
def hub() -> Iterator[HubServer]:
    """A Hub and its store for the length of a block."""
    with Store() as store, HubServer(store) as server:
        for each in (store, server):
            threading.Thread(target=each.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()
        store.shutdown()
