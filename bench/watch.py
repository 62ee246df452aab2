"""Measurements of `authex watch`, for tools/bench."""

import os
import signal
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from nodes import BIN, Nodes, cpu_seconds, descendants, free_ports, name_of

MODULES = 100
KILLS = 9


def measure_watch(results):
    """One node with 100 modules in a chain: what a watch costs where all is well; then the time from kill -9 of a module
    until the watch says that it runs, is attested, and connected again."""
    port = free_ports(1)[0]
    lines = ["application: watched", "nodes:", f"  only: {{ tee: native, address: 127.0.0.1:{port} }}", "modules:"]
    lines += [f"  m{i}: {{ node: only, sources: [relay.cpp] }}" for i in range(MODULES)]
    lines += ["connections:"] + [f"  - {{ from: m{i}.out, to: m{i + 1}.in }}" for i in range(MODULES - 1)]
    with tempfile.TemporaryDirectory(prefix="authex-bench-") as folder:
        Path(folder, "relay.cpp").write_text(
            "#include <authex/module.hpp>\nAUTHEX_OUTPUT(out);\nAUTHEX_INPUT(in, event) { out(event.data); }\n"
        )
        with Nodes(folder, "\n".join(lines + ["simulation: allowed"]) + "\n") as nodes:
            nodes.run("up")
            watch = subprocess.Popen([BIN / "authex", "watch"], cwd=folder, stdout=subprocess.PIPE, text=True)
            try:
                time.sleep(5)
                all_of = [watch.pid, *descendants(nodes.process.pid)]
                before = [cpu_seconds(pid) for pid in all_of]
                time.sleep(30)
                used = [after - first for after, first in zip([cpu_seconds(pid) for pid in all_of], before)]
                results["watch_idle_100_modules_cpu"] = used[0] / 30
                results["watch_idle_100_modules_node_cpu"] = sum(used[1:]) / 30
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
            finally:
                watch.send_signal(signal.SIGTERM)
                watch.wait(timeout=30)
