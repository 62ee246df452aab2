"""How exactly periodic entries are called, for tools/bench."""

import json
import re
import tempfile
import time
import urllib.request
from pathlib import Path

from nodes import Managers, free_ports

SECONDS = 30
COUNTS = """#include <authex/module.hpp>
static std::uint64_t ticks;
static std::uint64_t calls;
AUTHEX_ENTRY(tick, call) { ticks += call.ticks(); ++calls; }
AUTHEX_ENTRY(report, call) { call.result.u64(ticks).u64(calls); }
"""


def measure_periodic(results):
    """An entry each millisecond on a node where nothing else is to be done."""
    port, metrics = free_ports(2)
    descriptor = f"""application: periodic
nodes:
  only: {{ tee: native, address: 127.0.0.1:{port} }}
modules:
  clock: {{ node: only, sources: [clock.cpp] }}
periodic:
  - {{ module: clock, entry: tick, every: 1ms }}
simulation: allowed
"""
    with tempfile.TemporaryDirectory(prefix="authex-bench-") as folder:
        Path(folder, "clock.cpp").write_text(COUNTS)
        with Managers(folder, descriptor, "--metrics", str(metrics)) as nodes:

            def look():
                _, answer = nodes.run("--json", "call", "clock", "report")
                ticks_and_calls = bytes.fromhex(json.loads(answer)["reply"])
                return time.monotonic(), *(int.from_bytes(ticks_and_calls[i : i + 8], "little") for i in (0, 8))

            nodes.run("up")
            begin, ticks_before, calls_before = look()
            late_before = buckets(metrics)
            time.sleep(SECONDS)
            end, ticks, calls = look()
            late = {bound: count - late_before[bound] for bound, count in buckets(metrics).items()}
            results["periodic_1ms_rate"] = (ticks - ticks_before) / (end - begin)
            results["periodic_1ms_not_called"] = (ticks - ticks_before) - (calls - calls_before)
            results["periodic_1ms_late_p50"] = quantile(late, 0.5)
            results["periodic_1ms_late_p99"] = quantile(late, 0.99)


def buckets(port):
    """Upper bound in µs: how many calls were no later."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    found = re.findall(r'authex_periodic_lateness_seconds_bucket\{le="([\d.e+-]+)"\} (\d+)', text)
    return {float(bound) * 1e6: int(count) for bound, count in found}


def quantile(counts, share):
    largest = max(counts.values())
    return min(bound for bound, count in counts.items() if count >= share * largest)
