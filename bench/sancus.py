"""Instructions per second of the emulator, and of mspdebug's simulator beside it."""

import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from nodes import BIN

# As in machine_bench.cpp, with an outer loop of `rounds` times 65,536: then it stands at `stop`.
LOOP = [0x5607, 0x4785, 0x0002, 0x5528, 0x12B0, 0x4024, 0xE809, 0x831A, 0x23F7]
STOP = 0x4022
INSTRUCTIONS_OF_A_ROUND = 9


def program(rounds):
    start = [0x4031, 0x2800, 0x4035, 0x0300, 0x403B, rounds]  # r1, r5, r11
    words = start + LOOP + [0x831B, 0x23F5, 0x3FFF, 0x1109, 0x4130]  # dec r11; jnz loop; stop: jmp stop; sub
    return b"".join(word.to_bytes(2, "little") for word in words)


def intel_hex(content):
    lines = []
    for at in range(0, len(content), 16):
        part = content[at : at + 16]
        record = bytes([len(part)]) + (0x4000 + at).to_bytes(2, "big") + b"\0" + part
        lines.append(":" + (record + bytes([-sum(record) & 0xFF])).hex().upper())
    return "\n".join(lines + [":00000001FF"]) + "\n"


def mspdebug_seconds(rounds):
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "loop.hex"
        image.write_text(intel_hex(program(rounds)))
        begin = time.monotonic()
        subprocess.run(
            ["mspdebug", "-q", "sim", f"prog {image}", "set pc 0x4000", f"setbreak {STOP:#x}", "run"],
            check=True, capture_output=True, cwd=folder)
        return time.monotonic() - begin


def measure_sancus(results):
    output = subprocess.run(
        [BIN / "sancus_emulator_bench", "--benchmark_format=json", "--benchmark_repetitions=3",
         "--benchmark_report_aggregates_only=true"], check=True, capture_output=True, text=True).stdout
    rows = {"unprotected_code": "sancus_mips", "inside_an_enclave": "sancus_mips_enclave",
            "with_timer_interrupts": "sancus_mips_interrupts"}
    for row in json.loads(output)["benchmarks"]:
        if row["aggregate_name"] == "median":
            results[rows[row["run_name"]]] = row["instructions"] / 1e6
    if shutil.which("mspdebug") is None:
        return
    rounds = 200
    seconds = mspdebug_seconds(rounds) - mspdebug_seconds(1)
    results["mspdebug_mips"] = (rounds - 1) * 65536 * INSTRUCTIONS_OF_A_ROUND / seconds / 1e6
    results["sancus_over_mspdebug"] = results["sancus_mips"] / results["mspdebug_mips"]
