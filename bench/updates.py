"""Measurements of updates and moves, for tools/bench."""

import re
import statistics
import struct
import subprocess
import tempfile
from pathlib import Path

from nodes import BIN, Nodes, source_to_sink

UPDATES = 40

SOURCE = """#include <authex/module.hpp>
AUTHEX_OUTPUT(numbered);
AUTHEX_STATE static std::uint32_t next;
AUTHEX_TIMER(again, timer) {
    for (int i = 0; i < 10; ++i) {
        numbered(next++);
    }
    again.after_us(1000);
}
AUTHEX_INPUT(begin, event) { again.after_us(0); }
"""
SINK = """#include <authex/module.hpp>
AUTHEX_STATE static std::uint32_t taken;
AUTHEX_STATE static std::uint32_t wrong;
AUTHEX_INPUT(take, event) {
    wrong += event.reader().u32() == taken ? 0 : 1;
    ++taken;
}
AUTHEX_HANDLER(counts, request, reply) { reply.u32(taken).u32(wrong); }
"""


def measure_updates(results):
    """A sink that takes some 10,000 events a second gets new code again and again, and then moves to and fro: how long events
    wait each time. None may be lost."""
    for name in ("native", "sgx"):
        with tempfile.TemporaryDirectory(prefix="authex-bench-") as folder:
            Path(folder, "source.cpp").write_text(SOURCE)
            Path(folder, "sink.cpp").write_text(SINK)
            with Nodes(folder, source_to_sink(name, "counts")) as nodes:
                nodes.run("up")
                nodes.run("output", "begin")
                pauses = {"update": [], "move": []}
                for i in range(UPDATES):
                    Path(folder, "sink.cpp").write_text(SINK + ("AUTHEX_OUTPUT(other);\n" if i % 2 == 0 else ""))
                    pauses["update"].append(pause_of(folder, "update", "sink"))
                for i in range(UPDATES):
                    pauses["move"].append(pause_of(folder, "update", "sink", "--node", ("left", "right")[i % 2]))
                reply = subprocess.run(
                    [BIN / "authex", "request", "counts", "--raw"], cwd=folder, capture_output=True, check=True
                ).stdout
                taken, wrong = struct.unpack("<II", reply)
                assert taken > 0
                results[f"updates_{name}_lost"] = wrong
                for what, times in pauses.items():
                    results[f"{what}s_{name}_pause"] = statistics.median(times)
                    results[f"{what}s_{name}_pause_max"] = max(times)


def pause_of(folder, *arguments):
    done = subprocess.run([BIN / "authex", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return float(re.search(r"events waited for ([\d.]+) ms", done.stderr).group(1)) * 1000
