"""Installs the peers, outside the repository, and knows where each then lies.

Each Python peer has an environment of its own: their demands on the Redis client contradict each other (arq wants
an older one), and each is to run with the newest it can.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "graphmill" / "peers"

# What has to be on the machine for the peers of a runtime.
PROGRAMS = {"python": [], "node": ["node", "npm"], "rust": ["cargo"]}


def _once(name, manifest, make):
    """Makes a folder of the cache, unless it was made from this very manifest before."""
    folder = CACHE / f"{name}-{hashlib.sha256(manifest.read_bytes()).hexdigest()[:12]}"
    done = folder / "installed"
    if not done.exists():
        print(f"installing {name}", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make(folder)
        done.touch()
    return folder


def _python(peer):
    library = peer.app.removesuffix("_app")
    requirements = HERE / "requirements" / f"{library}.txt"

    def make(folder):
        venv.create(folder, with_pip=True)
        pip = [folder / "bin" / "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", requirements], check=True)

    return _once(library, requirements, make) / "bin"


def _node():
    package = HERE / "node" / "package.json"

    def make(folder):
        shutil.copy(package, folder)
        options = ["--no-audit", "--no-fund", "--no-package-lock", "--loglevel", "error"]
        subprocess.run(["npm", "install", *options], cwd=folder, check=True, stdout=sys.stderr)

    return _once("node", package, make)


def _rust():
    target = Path(os.environ.get("CARGO_TARGET_DIR") or CACHE / "target")
    manifest = HERE / "apalis" / "Cargo.toml"
    command = ["cargo", "build", "--release", "--quiet", "--manifest-path", manifest]
    subprocess.run(command, env={**os.environ, "CARGO_TARGET_DIR": str(target)}, check=True)
    return target / "release"


class Installed:
    """A peer that can be started: its commands and their environment."""

    def __init__(self, peer):
        self.peer = peer
        self.environment = {**os.environ, **peer.environment, "PYTHONDONTWRITEBYTECODE": "1"}
        self.folder = HERE
        if peer.runtime == "python":
            self.bin, self.folder = _python(peer), HERE / "python"
            self.app = peer.app
            self._produce = [self.bin / "python", "produce.py", peer.app]
            self.environment["PYTHONPATH"] = str(self.folder)
        elif peer.runtime == "node":
            self.bin, self.folder = _node(), HERE / "node"
            self.app = self.folder / peer.app
            self._produce = ["node", self.app]
            self.environment["NODE_PATH"] = str(self.bin / "node_modules")
        else:
            self.bin = _rust()
            self.app = self.bin / peer.app
            self._produce = [self.app]

    def worker(self, number, url):
        places = {"bin": self.bin, "app": self.app, "number": number, "url": url}
        return [word.format(**places) for word in self.peer.worker]

    def producer(self, *words):
        return [str(word) for word in (*self._produce, *words)]
