"""Measurements of many modules, many connections, large payloads and a manager's death, for tools/bench."""

import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nodes import BIN, Managers, Nodes, cpu_seconds, descendants, free_ports, private_bytes

# Sends `events` events round over its outputs, as fast as they are taken.
SENDER = """#include <authex/module.hpp>
static std::uint32_t left;
static std::uint32_t turn;
static std::uint8_t data[{size}];
{outputs}
static int send(std::uint32_t output) {{
    switch (output) {{
{cases}
    }}
    return AUTHEX_OK;
}}
static void go_on();
AUTHEX_TIMER(more, timer) {{ go_on(); }}
static void go_on() {{
    for (std::uint32_t i = 0; left > 0; ++i) {{
        if (i == {burst} || send(turn % {count}) != AUTHEX_OK) {{ (void)more.after_us(0); return; }}
        ++turn;
        --left;
    }}
}}
AUTHEX_INPUT(go, event) {{ left = {events}; go_on(); }}
"""

# Counts, and tells once when all have arrived.
SINK = """#include <authex/module.hpp>
static std::uint32_t taken;
AUTHEX_OUTPUT(done);
AUTHEX_INPUT(in, event) {{ if (++taken == {events}) {{ done(); }} }}
"""

# Starts the senders, counts the sinks that are done.
REFEREE = """#include <authex/module.hpp>
static std::uint32_t ready;
AUTHEX_OUTPUT(start);
AUTHEX_INPUT(go, event) { start(); }
AUTHEX_INPUT(done, event) { ++ready; }
AUTHEX_ENTRY(report, call) { call.result.u32(ready); }
"""


def write_sender(folder, outputs, events, size, burst):
    names = [f"out{i}" for i in range(outputs)]
    Path(folder, "sender.cpp").write_text(
        SENDER.format(
            size=size,
            outputs="\n".join(f"AUTHEX_OUTPUT({name});" for name in names),
            cases="\n".join(f"    case {i}: return {name}(data);" for i, name in enumerate(names)),
            burst=burst,
            count=outputs,
            events=events,
        )
    )


def run_events(pairs, outputs, events, size=64, burst=2000, sink="", start=Nodes):
    """Seconds from the start until each of `pairs` sinks has got what `pairs` senders with `outputs` connections
    each have sent: `events` a sender. sink: what else the descriptor says of sinks; start: what starts the nodes."""
    left, right = free_ports(2)
    lines = ["application: scale", "nodes:"]
    lines += [f"  left:  {{ tee: native, address: 127.0.0.1:{left} }}", f"  right: {{ tee: native, address: 127.0.0.1:{right} }}"]
    lines += ["modules:", f"  referee: {{ node: left, sources: [referee.cpp], max: {{ connections: {2 * pairs + 1} }} }}"]
    lines += [f"  sender{i}: {{ node: left, sources: [sender.cpp] }}" for i in range(pairs)]
    lines += [f"  sink{i}: {{ node: right, sources: [sink.cpp]{sink} }}" for i in range(pairs)]
    lines += ["connections:", "  - { name: start, direct: true, to: referee.go }"]
    for i in range(pairs):
        lines += [f"  - {{ from: referee.start, to: sender{i}.go }}", f"  - {{ from: sink{i}.done, to: referee.done }}"]
        lines += [f"  - {{ from: sender{i}.out{k}, to: sink{(i + k) % pairs}.in }}" for k in range(outputs)]
    lines.append("simulation: allowed")
    with tempfile.TemporaryDirectory(prefix="authex-bench-") as folder:
        Path(folder, "referee.cpp").write_text(REFEREE)
        Path(folder, "sink.cpp").write_text(SINK.format(events=events))
        write_sender(folder, outputs, events, size, burst)
        with start(folder, "\n".join(lines) + "\n") as nodes:
            nodes.run("up")
            begin = time.perf_counter()
            nodes.run("output", "start")
            while True:
                time.sleep(0.1)  # the question takes processor time from what it asks about
                reported = nodes.run("call", "referee", "report", "--json")[1]
                seconds = time.perf_counter() - begin
                if int.from_bytes(bytes.fromhex(json.loads(reported)["reply"]), "little") == pairs:
                    return seconds
                if seconds > 300:
                    sys.exit("tools/bench: the events do not arrive")


def measure_fanin(results):
    events = 6_000_000
    results["native_single_rate"] = events / run_events(1, 1, events)
    pairs = 50
    results["native_fanin_rate"] = events / run_events(pairs, 20, events // pairs)
    results["native_fanin_over_single"] = results["native_fanin_rate"] / results["native_single_rate"]


def measure_durable(results):
    """A module that persists takes events, and tells nobody before its state is kept: by the kernel, and by the disk."""
    rates = {"kept": [], "durable": []}
    events = {"kept": 1_000_000, "durable": 50_000}
    for _ in range(3):
        for name, taken in rates.items():
            options = ["--durable"] if name == "durable" else []
            seconds = run_events(
                1, 1, events[name], sink=", persist: true", start=lambda folder, text: Managers(folder, text, *options)
            )
            taken.append(events[name] / seconds)
    for name, taken in rates.items():
        results[f"native_{name}_rate"] = statistics.median(taken)
    results["native_durable_over_kept"] = results["native_durable_rate"] / results["native_kept_rate"]


def measure_large(results):
    events, size = 60_000, 65_536
    results["native_large_rate"] = events * size / run_events(1, 1, events, size=size, burst=8)


def measure_idle(results):
    port = free_ports(1)[0]
    lines = ["application: idle", "nodes:", f"  only: {{ tee: native, address: 127.0.0.1:{port} }}", "modules:"]
    lines += [f"  m{i}: {{ node: only, sources: [relay.cpp] }}" for i in range(100)]
    lines += ["connections:"] + [f"  - {{ from: m{i}.out, to: m{i + 1}.in }}" for i in range(99)]
    with tempfile.TemporaryDirectory(prefix="authex-bench-") as folder:
        Path(folder, "relay.cpp").write_text(
            "#include <authex/module.hpp>\nAUTHEX_OUTPUT(out);\nAUTHEX_INPUT(in, event) { out(event.data); }\n"
        )
        with Nodes(folder, "\n".join(lines + ["simulation: allowed"]) + "\n") as nodes:
            nodes.run("up")
            time.sleep(12)  # a node that is left alone gives back the code of its control plane
            node = descendants(nodes.process.pid)
            before = sum(cpu_seconds(pid) for pid in node)
            time.sleep(20)
            results["native_idle_100_modules_cpu"] = (sum(cpu_seconds(pid) for pid in node) - before) / 20
            results["native_idle_100_modules_memory"] = sum(private_bytes(pid) for pid in node)


# 100 events each millisecond.
PACED = """#include <authex/module.hpp>
AUTHEX_OUTPUT(out);
AUTHEX_TIMER(tick, timer) {
    static const std::uint8_t data[64] = {};
    for (int i = 0; i < 100; ++i) { (void)out(data); }
    (void)tick.after_us(1000);
}
AUTHEX_INPUT(go, event) { (void)tick.after_us(0); }
"""
COUNTER = """#include <authex/module.hpp>
static std::uint64_t taken;
AUTHEX_INPUT(in, event) { ++taken; }
AUTHEX_ENTRY(report, call) { call.result.u64(taken); }
"""


class Manager:
    """One authex-em that can be killed and started again on its state."""

    def __init__(self, folder, port, events, *options):
        self.ready = Path(folder, f"ready-{port}")
        self.command = [BIN / "authex-em", "--listen", f"127.0.0.1:{port}", "--events", f"127.0.0.1:{events}"]
        self.command += ["--state", Path(folder, f"node-{port}"), "--ready-file", self.ready, "--log-level", "off", "--stop-modules-on-exit", *options]
        self.process = None

    def start(self):
        self.ready.unlink(missing_ok=True)
        self.process = subprocess.Popen(self.command)
        while not self.ready.exists():
            if self.process.poll() is not None:
                sys.exit("tools/bench: a manager does not start")
            time.sleep(0.001)

    def end(self, how):
        self.process.send_signal(how)
        self.process.wait(timeout=30)


def measure_recovery(results):
    """From the start of the killed manager's successor until events arrive again, seen through a command: its own
    time is taken off."""
    ports = free_ports(4)
    descriptor = (
        f"application: recovery\nnodes:\n  left:  {{ tee: native, address: 127.0.0.1:{ports[0]} }}\n"
        f"  right: {{ tee: native, address: 127.0.0.1:{ports[1]} }}\n"
        "modules:\n  sender: { node: left, sources: [sender.cpp] }\n  counter: { node: right, sources: [counter.cpp] }\n"
        "connections:\n  - { from: sender.out, to: counter.in }\n  - { name: start, direct: true, to: sender.go }\n"
        "simulation: allowed\n"
    )
    with tempfile.TemporaryDirectory(prefix="authex-bench-") as folder:
        Path(folder, "authex.yaml").write_text(descriptor)
        Path(folder, "sender.cpp").write_text(PACED)
        Path(folder, "counter.cpp").write_text(COUNTER)

        def run(*arguments):
            begin = time.perf_counter()
            done = subprocess.run([BIN / "authex", *arguments], cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                sys.exit(f"tools/bench: authex {' '.join(arguments)}: {done.stdout}{done.stderr}")
            return time.perf_counter() - begin, done.stdout

        def taken():
            took, text = run("call", "counter", "report", "--json")
            return took, int.from_bytes(bytes.fromhex(json.loads(text)["reply"]), "little")

        managers = [Manager(folder, ports[0], ports[2]), Manager(folder, ports[1], ports[3])]
        for manager in managers:
            manager.start()
        try:
            run("up")
            run("output", "start")
            time.sleep(1)
            times = []
            for _ in range(5):
                managers[1].end(signal.SIGKILL)
                time.sleep(0.5)
                begin = time.perf_counter()
                managers[1].start()
                _, before = taken()
                while True:
                    took, now = taken()
                    if now > before:
                        break
                times.append(time.perf_counter() - begin - took)
                time.sleep(1)
            results["native_recovery"] = sorted(times)[len(times) // 2] * 1e6
        finally:
            for manager in managers:
                manager.end(signal.SIGTERM)
