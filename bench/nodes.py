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


def source_to_sink(tee, *requests):
    """A descriptor: numbered events of `source` on one node go to `sink` on another; `begin` starts them.
    requests: handlers of the sink that the owner asks."""
    left, right = free_ports(2)
    asked = "".join(f"  - {{ name: {name}, direct: true, to: sink.{name} }}\n" for name in requests)
    return f"""application: measured
nodes:
  left: {{ tee: {tee}, address: 127.0.0.1:{left} }}
  right: {{ tee: {tee}, address: 127.0.0.1:{right} }}
modules:
  source: {{ node: left, sources: [source.cpp] }}
  sink: {{ node: right, sources: [sink.cpp] }}
connections:
  - {{ from: source.numbered, to: sink.take }}
  - {{ name: begin, direct: true, to: source.begin }}
{asked}simulation: allowed
"""


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


class Managers(Nodes):
    """The same with managers that are given options, their state in that folder."""

    def __init__(self, folder, descriptor, *options):
        self.folder = Path(folder)
        (self.folder / "authex.yaml").write_text(descriptor)
        self.processes = []
        for name, address in re.findall(r"^  (\w+): +\{ tee: native, address: ([\d.:]+)", descriptor, re.M):
            words = ["--name", name, "--listen", address, "--state", f"{name}.state", "--ready-file", f"{name}.ready", *options]
            log = (self.folder / f"{name}.log").open("w")
            self.processes.append(subprocess.Popen([BIN / "authex-em", *words], cwd=folder, stdout=log, stderr=log))
            deadline = time.monotonic() + 20
            while not (self.folder / f"{name}.ready").exists():
                if self.processes[-1].poll() is not None or time.monotonic() > deadline:
                    self.__exit__()
                    sys.exit("tools/bench: a node does not start:\n" + (self.folder / f"{name}.log").read_text())
                time.sleep(0.01)

    def __exit__(self, *_):
        if all(process.poll() is None for process in self.processes):
            self.run("down")
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


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
