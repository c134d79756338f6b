"""A small server with the Hub's addresses, which hands out folders as repositories."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMITS = {"main": "a" * 40, "v1": "b" * 40}
TOKEN = "hf_secret"


class Hub(ThreadingHTTPServer):
    """Serves folders as repositories: {(owner/name, revision): folder}; owner "private" wants a token.

    Repositories that are made lie in `root`, and belong to the user "me" or to an owner other than "closed".
    """

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server_address[1]}"
        self.root = root
        self.repositories: dict[tuple[str, str], Path] = {}
        self.private: set[str] = set()
        self.fetched: list[str] = []
        self.written: list[str] = []
        self.large_files: dict[str, bytes] = {}
        self.full = False
        self.says_why = True  # a mirror may answer 404 without a reason

    def make_branch(self, repo_id: str, branch: str) -> bool:
        """Make a branch, `main` of a new repository empty, any other as main; False where it exists."""
        if (repo_id, branch) in self.repositories:
            return False
        folder = self.root / repo_id / branch
        if branch == "main":
            folder.mkdir(parents=True)
        else:
            shutil.copytree(self.repositories[repo_id, "main"], folder)
        self.repositories[repo_id, branch] = folder
        return True


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *arguments: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        parts = self.path.split("?")[0].strip("/").split("/")
        is_api = parts[:2] == ["api", "models"]
        repo_id, *rest = ["/".join(parts[2:4]), *parts[4:]] if is_api else ["/".join(parts[:2]), *parts[2:]]
        name = rest[1] if len(rest) > 1 else "main"  # resolve/NAME/file, revision/NAME, tree/NAME
        revision = next((known for known, commit in COMMITS.items() if name in (known, commit)), None)
        folder = self.server.repositories.get((repo_id, revision or ""))
        if folder is None:
            known = any(repo_id == repository for repository, _ in self.server.repositories)
            reason = {"X-Error-Code": "RevisionNotFound" if known else "RepoNotFound"}
            self.answer(404, reason if self.server.says_why else {})
        elif repo_id.startswith("private/") and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.answer(401, {"X-Error-Code": "GatedRepo"})
        elif is_api:
            files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
            if rest[:1] == ["tree"]:
                entries = [{"type": "file", "path": file, "oid": "0" * 40, "size": 1} for file in files]
                self.answer_json(200, entries)
                return
            siblings = [{"rfilename": file} for file in files]
            content = {"id": repo_id, "sha": COMMITS[revision], "siblings": siblings}
            self.answer_json(200, {**content, "private": repo_id in self.server.private})
        else:
            file = "/".join(rest[2:])
            content = (folder / file).read_bytes()
            if self.command == "GET":
                self.server.fetched.append(file)
            etag = hashlib.sha256(content).hexdigest()
            self.answer(200, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMITS[revision]}, content)

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        oid = self.path.rpartition("/")[-1]
        if self.server.full:
            self.answer_json(403, {"error": "Storage limit reached."})
        elif oid != hashlib.sha256(content).hexdigest():
            self.answer_json(400, {"error": "other content than announced"})
        else:
            self.server.large_files[oid] = content
            self.answer(200, {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.written.append(self.path)
        parts = self.path.strip("/").split("/")
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.answer_json(401, {"error": "Invalid username or password."})
        elif parts == ["api", "repos", "create"]:
            self.create_repository(json.loads(body))
        elif parts == ["api", "validate-yaml"]:
            is_bad = "license: none-such" in json.loads(body)["content"]
            errors = [{"message": '"license" must be one of a list'}] if is_bad else []
            self.answer_json(400 if is_bad else 200, {"errors": errors, "warnings": []})
        elif self.path.endswith(".git/info/lfs/objects/batch"):
            objects = [
                {**entry, "actions": {"upload": {"href": f"{self.server.endpoint}/large/{entry['oid']}"}}}
                for entry in json.loads(body)["objects"]
            ]
            self.answer_json(200, {"transfer": "basic", "objects": objects})
        else:
            repo_id, action, revision = "/".join(parts[2:4]), parts[4], parts[5]
            getattr(self, action)(repo_id, revision, body)  # branch, preupload, commit

    def create_repository(self, wish: dict[str, str]) -> None:
        owner = wish["organization"] or "me"
        repo_id = f"{owner}/{wish['name']}"
        if owner == "closed":
            self.answer_json(403, {"error": f"You don't have the rights to create a model under {owner}"})
            return
        is_new = self.server.make_branch(repo_id, "main")
        # huggingface_hub 2 has another word for it.
        if is_new and (wish.get("private") or wish.get("visibility") == "private"):
            self.server.private.add(repo_id)
        self.answer_json(200 if is_new else 409, {"url": f"{self.server.endpoint}/{repo_id}"})

    def branch(self, repo_id: str, name: str, body: bytes) -> None:
        self.answer_json(200 if self.server.make_branch(repo_id, name) else 409, {})

    def preupload(self, repo_id: str, revision: str, body: bytes) -> None:
        files = [
            {
                "path": entry["path"],
                "uploadMode": "lfs" if entry["path"].endswith((".onnx", ".safetensors")) else "regular",
                "shouldIgnore": False,
                "oid": None,
            }
            for entry in json.loads(body)["files"]
        ]
        self.answer_json(200, {"files": files})

    def commit(self, repo_id: str, revision: str, body: bytes) -> None:
        folder = self.server.repositories[repo_id, revision]
        for entry in map(json.loads, body.splitlines()):
            value = entry["value"]
            if entry["key"] == "deletedFile":
                (folder / value["path"]).unlink()
            elif entry["key"] != "header":
                is_large = entry["key"] == "lfsFile"
                content = (
                    self.server.large_files[value["oid"]] if is_large else base64.b64decode(value["content"])
                )
                (folder / value["path"]).parent.mkdir(parents=True, exist_ok=True)
                (folder / value["path"]).write_bytes(content)
        oid = COMMITS[revision]
        url = f"{self.server.endpoint}/{repo_id}/commit/{oid}"
        self.answer_json(200, {"commitUrl": url, "commitOid": oid})

    def answer_json(self, status: int, content: object) -> None:
        self.answer(status, {"Content-Type": "application/json"}, json.dumps(content).encode())

    def answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
