"""Measurements of `authex watch`, for tools/bench."""

import os
import signal
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from nodes import BIN, Nodes, cpu_seconds, descendants, free_ports, name_of

KILLS = 9
IDLE_SECONDS = 30


def measure_watch(results):
    """One node with 100 modules in a chain: what a watch costs where all is well; then the time from kill -9 of a module
    until the watch says that it runs, is attested, and connected again."""
    with tempfile.TemporaryDirectory(prefix="authex-bench-") as folder, chain(folder, 100) as nodes:
        nodes.run("up")
        with Watch(folder) as watch:
            measure_idle(results, "100", watch, nodes)
            times = []
            hosts = [pid for pid in descendants(nodes.process.pid) if name_of(pid) == "authex-host"]
            for i in range(KILLS):
                begin = time.perf_counter()
                os.kill(hosts[-1 - 10 * i], signal.SIGKILL)
                line = watch.stdout.readline()
                while "heal" not in line or "done" not in line:
                    line = watch.stdout.readline()
                times.append(time.perf_counter() - begin)
                time.sleep(0.5)
            results["watch_heal_module"] = statistics.median(times) * 1e6
            results["watch_heal_module_max"] = max(times) * 1e6


def measure_watch_1000(results):
    """What a watch costs where all is well, of 1,000 modules."""
    with tempfile.TemporaryDirectory(prefix="authex-bench-") as folder, chain(folder, 1000) as nodes:
        nodes.run("up")
        with Watch(folder) as watch:
            measure_idle(results, "1000", watch, nodes)


def chain(folder, modules):
    """Nodes for an application with so many modules on one of them, each connected with the next."""
    port = free_ports(1)[0]
    lines = ["application: watched", "nodes:", f"  only: {{ tee: native, address: 127.0.0.1:{port} }}", "modules:"]
    lines += [f"  m{i}: {{ node: only, sources: [relay.cpp] }}" for i in range(modules)]
    lines += ["connections:"] + [f"  - {{ from: m{i}.out, to: m{i + 1}.in }}" for i in range(modules - 1)]
    Path(folder, "relay.cpp").write_text(
        "#include <authex/module.hpp>\nAUTHEX_OUTPUT(out);\nAUTHEX_INPUT(in, event) { out(event.data); }\n"
    )
    return Nodes(folder, "\n".join(lines + ["simulation: allowed"]) + "\n")


class Watch(subprocess.Popen):
    """`authex watch` in a folder; it is ended with its block."""

    def __init__(self, folder):
        super().__init__([BIN / "authex", "watch"], cwd=folder, stdout=subprocess.PIPE, text=True)

    def __exit__(self, *_):
        self.send_signal(signal.SIGTERM)
        self.wait(timeout=30)
        self.stdout.close()


def measure_idle(results, modules, watch, nodes):
    time.sleep(5)
    all_of = [watch.pid, *descendants(nodes.process.pid)]
    before = [cpu_seconds(pid) for pid in all_of]
    time.sleep(IDLE_SECONDS)
    used = [after - first for after, first in zip([cpu_seconds(pid) for pid in all_of], before)]
    results[f"watch_idle_{modules}_modules_cpu"] = used[0] / IDLE_SECONDS
    results[f"watch_idle_{modules}_modules_node_cpu"] = sum(used[1:]) / IDLE_SECONDS
