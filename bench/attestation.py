"""What a re-attestation costs the events of a module, for tools/bench."""

import statistics
import struct
import subprocess
import tempfile
import time
from pathlib import Path

from nodes import BIN, Nodes, source_to_sink
from updates import SOURCE

ATTESTATIONS = 40

# The longest time between two events since it was asked last, in ticks of the processor's time stamp counter.
SINK = """#include <authex/module.hpp>
static std::uint64_t last;
static std::uint64_t longest;
AUTHEX_INPUT(take, event) {
    const std::uint64_t now = __builtin_ia32_rdtsc();
    if (last != 0 && now - last > longest) { longest = now - last; }
    last = now;
}
AUTHEX_ENTRY(gap, call) { call.result.u64(longest).u64(__builtin_ia32_rdtsc()); longest = 0; }
"""


def measure_attestation(results):
    """A sink that takes some 10,000 events a second is attested again and again: the longest time that it is without one
    meanwhile, and while `authex status` runs instead, which asks the nodes alone."""
    with tempfile.TemporaryDirectory(prefix="authex-bench-") as folder:
        Path(folder, "source.cpp").write_text(SOURCE)
        Path(folder, "sink.cpp").write_text(SINK)
        with Nodes(folder, source_to_sink("native")) as nodes:
            nodes.run("up")
            nodes.run("output", "begin")
            begun, (_, first) = time.perf_counter(), gap(folder)
            time.sleep(1)
            ended, (_, second) = time.perf_counter(), gap(folder)
            ticks_per_us = (second - first) / ((ended - begun) * 1e6)
            gaps = {"attest": [], "status": []}
            for _ in range(ATTESTATIONS):
                for command, times in gaps.items():
                    gap(folder)
                    nodes.run(command, *(["sink"] if command == "attest" else []))
                    times.append(gap(folder)[0] / ticks_per_us)
            results["attest_native_gap"] = statistics.median(gaps["attest"])
            results["attest_native_gap_max"] = max(gaps["attest"])
            results["attest_native_gap_without"] = statistics.median(gaps["status"])
            results["attest_native_gap_without_max"] = max(gaps["status"])


def gap(folder):
    done = subprocess.run([BIN / "authex", "call", "sink", "gap", "--raw"], cwd=folder, capture_output=True, check=True)
    return struct.unpack("<QQ", done.stdout)
