"""Applications on nodes of their own, run with the built programs, for tools/bench."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

BIN = Path(__file__).resolve().parent.parent / "build/release/bin"


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Nodes:
    """`authex dev` over a descriptor in a folder of its own."""

    def __init__(self, folder, descriptor):
        self.folder = Path(folder)
        (self.folder / "authex.yaml").write_text(descriptor)
        self.log = (self.folder / "dev.log").open("w+")
        self.process = subprocess.Popen([BIN / "authex", "dev"], cwd=folder, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 20
        while not re.search("nodes? (is|are) ready", (self.folder / "dev.log").read_text()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                sys.exit("tools/bench: the nodes do not start:\n" + (self.folder / "dev.log").read_text())
            time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)

    def run(self, *arguments):
        begin = time.perf_counter()
        done = subprocess.run([BIN / "authex", *arguments], cwd=self.folder, capture_output=True, text=True, check=False)
        took_us = (time.perf_counter() - begin) * 1e6
        if done.returncode != 0:
            sys.exit(f"tools/bench: authex {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return took_us, done.stdout


def children_of(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def resident_bytes(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024


def name_of(pid):
    return Path(f"/proc/{pid}/comm").read_text().strip()


def cpu_seconds(pid):
    """User and system time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def private_bytes(pid):
    """Its proportional share of memory (PSS)."""
    return int(re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M).group(1)) * 1024


def descendants(pid):
    found = children_of(pid)
    return found + [deeper for child in found for deeper in descendants(child)]
