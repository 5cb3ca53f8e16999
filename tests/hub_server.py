"""The smallest server that speaks the Hugging Face Hub's HTTP, for tests with the real huggingface_hub client.

It knows models only: create, branch, preupload, LFS batch (basic and multipart) and upload, commit, model info,
resolve (LFS files by way of another host, as on the Hub), ranges, who may read and write; and it fails on request.
Large files travel by LFS. The Hub's newer way, xet, is not spoken: the tests set HF_HUB_DISABLE_XET, without which a
client that has hf-xet installed would ask for it. Everything is kept in memory.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

LFS_FROM = 1024  # bytes; larger files are kept as LFS objects
PART = 20_000  # bytes of a part of an upload; larger objects are uploaded in parts
REPOSITORY = r"(?P<name>[\w.-]+/[\w.-]+)"


@dataclass
class Repository:
    """A model: files by path, by commit, by branch."""

    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def commit(self, branch: str, files: dict[str, bytes], message: str) -> str:
        before = self.commits.get(self.branches.get(branch, ""), {})
        sha = hashlib.sha1(f"{len(self.commits)} {message}".encode()).hexdigest()
        self.commits[sha] = before | files
        self.branches[branch] = sha
        self.messages.append(message)
        return sha


class Refusal(Exception):
    """A status, and what the Hub says with it in X-Error-Code and X-Error-Message."""

    def __init__(self, status: int, message: str, code: str = ""):
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


class HubServer(ThreadingHTTPServer):
    """The server: `with HubServer() as hub:` serves at `hub.url`.

    `users` are the tokens and the namespaces each may write to.
    """

    daemon_threads = True

    def __init__(self, port: int = 0):
        super().__init__(("127.0.0.1", port), Handler)
        self.url, self.storage = (f"http://{host}:{self.server_port}" for host in ("127.0.0.1", "localhost"))
        self.reset()

    def reset(self) -> None:
        """No repositories, no faults."""
        self.users: dict[str, set[str]] = {"hf_org": {"org"}, "hf_other": {"other"}}
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.requests: list[tuple[str, str, str]] = []  # method, path, range
        self.fail_with: int | None = None  # every answer has this status,
        self.fail_at = ""  # or those whose path fits this pattern
        self.fail_once: list[str] = []  # the first answer of a path that fits each of these is a 500
        self.silent_for = 0.0  # seconds before any answer
        self.portal = False  # every answer is the log-in page of a wireless network
        self.cuts: list[int] = []  # the next downloads of LFS objects break off after so many bytes
        self.stall_at: int | None = None  # downloads of LFS objects stand still there for a minute
        self.spoil = False  # LFS objects arrive with one byte changed

    def __enter__(self) -> HubServer:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self.server_close()

    def asked(self, method: str, pattern: str) -> list[str]:
        """The ranges of the requests so far of a method and a pattern of paths."""
        return [span for asked, path, span in self.requests if asked == method and re.search(pattern, path)]


class Handler(BaseHTTPRequestHandler):
    """One request: the first route whose method and path fit answers it."""

    server: HubServer

    def log_message(self, *_: object) -> None:
        pass

    def route(self) -> None:
        hub = self.server
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        path = unquote(self.path.partition("?")[0])
        hub.requests.append((self.command, path, self.headers.get("Range", "")))
        time.sleep(hub.silent_for)
        try:
            if hub.portal:
                return self.answer(b"<html>Welcome to the airport</html>", headers={"ETag": '"page"'})
            if hub.fail_with and re.search(hub.fail_at, path):
                raise Refusal(hub.fail_with, "no luck today")
            for pattern in hub.fail_once:
                if re.search(pattern, path):
                    hub.fail_once.remove(pattern)
                    raise Refusal(500, "try once more")
            for method, pattern, handle in ROUTES:
                if (self.command in method.split()) and (match := re.fullmatch(pattern, path)):
                    return handle(self, **match.groupdict())
            raise Refusal(404, f"no such page: {self.command} {path}")
        except Refusal as refusal:
            headers = {"X-Error-Message": refusal.message} | ({"X-Error-Code": refusal.code} if refusal.code else {})
            self.answer({"error": refusal.message}, refusal.status, headers)

    do_GET = do_HEAD = do_POST = do_PUT = route

    def answer(self, content: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    # Who may do what ---------------------------------------------------------------------------

    def namespaces(self) -> set[str] | None:
        """Where the sender may write; None: not logged in."""
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and token not in self.server.users:
            raise Refusal(401, "Invalid credentials in Authorization header")
        return self.server.users.get(token)

    def repository(self, name: str, write: bool = False, files: bool = False) -> Repository:
        """A model that the sender may see, write to, or read files of."""
        mine, repository = self.namespaces(), self.server.repositories.get(name)
        member = mine is not None and name.partition("/")[0] in mine
        if repository is None or (repository.private and not member):
            if mine is None:
                raise Refusal(401, "Invalid username or password.")  # as the Hub has it, whether there is one or not
            raise Refusal(404, "Repository not found", "RepoNotFound")
        if write and not member:
            raise Refusal(403 if mine is not None else 401, f"You don't have the rights to write to {name}")
        if files and repository.gated and not member:
            raise Refusal(403 if mine is not None else 401, f"Access to model {name} is restricted.", "GatedRepo")
        return repository

    # Routes ------------------------------------------------------------------------------------

    def create(self) -> None:
        wanted, mine = json.loads(self.body), self.namespaces()
        if mine is None:
            raise Refusal(401, "Invalid username or password.")
        name = f"{wanted['organization'] or sorted(mine)[0]}/{wanted['name']}"
        if name.partition("/")[0] not in mine:
            raise Refusal(403, f"You don't have the rights to create a model under the namespace {name}")
        known = name in self.server.repositories
        if not known:
            private = wanted.get("visibility") == "private" or bool(wanted.get("private"))
            self.server.repositories[name] = Repository(private)
            self.server.repositories[name].commit("main", {".gitattributes": b""}, "initial commit")
        self.answer({"url": f"{self.server.url}/{name}"}, 409 if known else 200)

    def branch(self, name: str, revision: str) -> None:
        repository = self.repository(name, write=True)
        known = revision in repository.branches
        repository.branches.setdefault(revision, repository.branches["main"])
        self.answer({}, 409 if known else 200)

    def info(self, name: str, revision: str | None = None) -> None:
        repository = self.repository(name)
        sha = self.sha(repository, revision or "main")
        siblings = [{"rfilename": path} for path in repository.commits[sha]]
        self.answer({"id": name, "sha": sha, "private": repository.private, "siblings": siblings, "tags": []})

    def validate(self) -> None:
        head = json.loads(self.body)["content"].split("---")
        errors = [] if len(head) > 2 and "license:" in head[1] else [{"message": "the card has no licence"}]
        self.answer({"errors": errors, "warnings": []}, 400 if errors else 200)

    def preupload(self, name: str, revision: str) -> None:
        self.sha(self.repository(name, write=True), revision)

        def mode(file: dict) -> dict:
            kind = "lfs" if file["size"] >= LFS_FROM else "regular"
            return {"path": file["path"], "uploadMode": kind, "shouldIgnore": False}

        self.answer({"files": [mode(file) for file in json.loads(self.body)["files"]]})

    def batch(self, name: str) -> None:
        self.repository(name, write=True)
        self.answer(
            {"transfer": "basic", "objects": [self.upload(wanted) for wanted in json.loads(self.body)["objects"]]}
        )

    def upload(self, wanted: dict) -> dict:
        """How to upload an object: not at all, in one piece, or in parts."""
        oid, size, url = wanted["oid"], wanted["size"], f"{self.server.storage}/objects/{wanted['oid']}"
        if oid in self.server.objects:
            return wanted
        if size <= PART:
            return wanted | {"actions": {"upload": {"href": url}}}
        parts = {str(n + 1): f"{url}/{n + 1}" for n in range(-(-size // PART))}
        complete = f"{self.server.url}/complete/{oid}"
        return wanted | {"actions": {"upload": {"href": complete, "header": {"chunk_size": str(PART), **parts}}}}

    def put(self, oid: str, part: str | None = None) -> None:
        self.server.parts.setdefault(oid, {})[int(part or 1)] = self.body
        if part is None:
            self.store(oid)
        self.answer({}, headers={"ETag": hashlib.md5(self.body).hexdigest()})

    def complete(self, oid: str) -> None:
        for part in json.loads(self.body)["parts"]:
            if hashlib.md5(self.server.parts[oid][part["partNumber"]]).hexdigest() != part["etag"]:
                raise Refusal(400, "a part is not what was sent")
        self.store(oid)
        self.answer({})

    def store(self, oid: str) -> None:
        content = b"".join(piece for _, piece in sorted(self.server.parts.pop(oid).items()))
        if hashlib.sha256(content).hexdigest() != oid:
            raise Refusal(400, "the object is not what its oid says")
        self.server.objects[oid] = content

    def commit(self, name: str, revision: str) -> None:
        repository = self.repository(name, write=True)
        if revision not in repository.branches:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        lines = [json.loads(line) for line in self.body.splitlines()]
        files, message = {}, ""
        for key, value in ((line["key"], line["value"]) for line in lines):
            if key == "header":
                message = value["summary"]
            elif key == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile":
                files[value["path"]] = self.server.objects[value["oid"]]
        sha = repository.commit(revision, files, message)
        self.answer({"success": True, "commitOid": sha, "commitUrl": f"{self.server.url}/{name}/commit/{sha}"})

    def resolve(self, name: str, revision: str, path: str) -> None:
        repository = self.repository(name, files=True)
        sha = self.sha(repository, revision)
        headers = {"X-Repo-Commit": sha}
        if (content := repository.commits[sha].get(path)) is None:
            raise Refusal(404, "Entry not found", "EntryNotFound")
        if len(content) < LFS_FROM:
            git = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
            return self.answer(content, headers=headers | {"ETag": f'"{git}"'})
        oid = hashlib.sha256(content).hexdigest()
        self.server.objects[oid] = content
        headers |= {"X-Linked-Etag": f'"{oid}"', "X-Linked-Size": str(len(content))}
        return self.answer(b"", 302, headers | {"Location": f"{self.server.storage}/objects/{oid}"})

    def download(self, oid: str) -> None:
        if "Authorization" in self.headers:
            raise Refusal(400, "tokens are not for the storage")
        hub, whole = self.server, self.server.objects[oid]
        content = bytes([whole[0] ^ 1]) + whole[1:] if hub.spoil else whole
        start = int((re.match(r"bytes=(\d+)-", self.headers.get("Range", "")) or ["", "0"])[1])
        headers = {"Content-Length": str(len(whole) - start), "ETag": f'"{oid}"', "Accept-Ranges": "bytes"}
        self.send_response(206 if start else 200)
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(whole) - 1}/{len(whole)}"
        for header, value in headers.items():
            self.send_header(header, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[start : hub.stall_at or (hub.cuts.pop(0) if hub.cuts else None)])
            time.sleep(60 if hub.stall_at else 0)

    @staticmethod
    def sha(repository: Repository, revision: str) -> str:
        sha = repository.branches.get(revision, revision)
        if sha not in repository.commits:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return sha


ROUTES = [
    (method, pattern.format(name=REPOSITORY), handle)
    for method, pattern, handle in (
        ("POST", "/api/repos/create", Handler.create),
        ("POST", "/api/validate-yaml", Handler.validate),
        ("GET", "/api/models/{name}", Handler.info),
        ("GET", "/api/models/{name}/revision/(?P<revision>.+)", Handler.info),
        ("POST", "/api/models/{name}/branch/(?P<revision>.+)", Handler.branch),
        ("POST", "/api/models/{name}/preupload/(?P<revision>.+)", Handler.preupload),
        ("POST", "/api/models/{name}/commit/(?P<revision>.+)", Handler.commit),
        ("POST", r"/{name}\.git/info/lfs/objects/batch", Handler.batch),
        ("PUT", "/objects/(?P<oid>[0-9a-f]+)", Handler.put),
        ("PUT", "/objects/(?P<oid>[0-9a-f]+)/(?P<part>[0-9]+)", Handler.put),
        ("POST", "/complete/(?P<oid>[0-9a-f]+)", Handler.complete),
        ("GET HEAD", "/{name}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", Handler.resolve),
        ("GET HEAD", "/objects/(?P<oid>[0-9a-f]+)", Handler.download),
    )
]
