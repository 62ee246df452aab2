"""Applications with microcontrollers, for tools/bench: the real programs, the board emulated at a real one's speed.

A board of 20 MHz behind a line of 57,600 or 1,000,000 baud is paced: cycles, and so bytes on the line, take the time that they take on
hardware. Unpaced, it runs as fast as the machine can, and sleeps through the time on the line.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nodes import BIN, free_ports

ROOT = Path(__file__).resolve().parent.parent
HZ = 20_000_000
LINES = {"57600": 57_600, "1000000": 1_000_000, "unpaced": None}
VENDOR = "vendor: { id: 0x1234, key-file: keys/development.vendor }"

# Sends `out` so many times, each after the answer to the one before, and keeps how long that took.
STOPWATCH = """#include <authex/module.hpp>
static std::uint32_t left;
static std::uint64_t begun, took;
AUTHEX_OUTPUT(out);
AUTHEX_TIMER(clock, timer) {
    if (left == 0) { took = timer.time_us - begun; return; }
    begun = timer.time_us;
    out(std::uint16_t{1});
}
AUTHEX_INPUT(start, event) { took = 0; left = event.reader().u32(); (void)clock.after_us(0); }
AUTHEX_INPUT(back, event) {
    if (--left == 0) { (void)clock.after_us(0); } else { out(std::uint16_t{1}); }
}
AUTHEX_HANDLER(result, request, reply) { reply.u64(took); }
"""
# Asks for batches, the next when the first of the one before is here, and keeps how long it took until all had come.
SINK = """#include <authex/module.hpp>
static std::uint32_t left, taken;
static std::uint64_t begun, took;
AUTHEX_OUTPUT(out);
AUTHEX_TIMER(clock, timer) {
    if (taken != 0) { took = timer.time_us - begun; return; }
    begun = timer.time_us;
    out();
}
AUTHEX_INPUT(start, event) { took = 0; taken = 0; left = event.reader().u32(); (void)clock.after_us(0); }
AUTHEX_INPUT(back, event) {
    if (event.data.size() != 64) { return; }
    if (taken++ % BATCH == 0 && left > taken + BATCH - 1) { out(); }
    if (taken == left) { (void)clock.after_us(0); }
}
AUTHEX_HANDLER(result, request, reply) { reply.u64(took); }
"""
PONG = """#include <authex/module.hpp>
AUTHEX_OUTPUT(pong);
AUTHEX_INPUT(ping, event) { pong(event.data); }
"""
SOURCE = """#include <authex/module.hpp>
AUTHEX_OUTPUT(data);
AUTHEX_INPUT(next, event) {
    static constexpr std::uint8_t body[64] = {1};
    for (std::uint8_t i = 0; i < BATCH; ++i) { data(body); }
}
"""
DIRECT = """  - { name: start,  direct: true, to: watch.start }
  - { name: result, direct: true, to: watch.result }
simulation: allowed
"""


def firmware(baud):
    """The event manager for a board of 20 MHz behind a line of that speed, built by the rules of the project."""
    folder = ROOT / f"build/firmware-{baud}"
    definitions = f"AUTHEX_UART=0x80;AUTHEX_CLOCK_HZ={HZ};AUTHEX_BAUD={baud}"
    for command in (
        ["cmake", "--preset", "release", "-B", folder, f"-DAUTHEX_SANCUS_DEFINITIONS={definitions}"],
        ["cmake", "--build", folder, "--target", "authex_sancus_firmware"],
    ):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit("tools/bench: the firmware: " + done.stdout + done.stderr)
    return folder / "lib/authex/sancus/event-manager.elf"


class Managers:
    """A manager for each node, `boards` with an emulated microcontroller, and the application in a folder of its own.

    `others`: the TEE of each other node; all but native ones are simulated.
    """

    def __init__(self, line, boards, files, modules, board="default", others=None):
        self.temporary = tempfile.TemporaryDirectory(prefix="authex-bench-")
        self.folder = Path(self.temporary.name)
        subprocess.run([BIN / "authex", "init", "app"], cwd=self.folder, check=True, capture_output=True)
        self.application = self.folder / "app"
        shutil.copytree(ROOT / "examples/irrigation/keys", self.application / "keys")
        for name, text in files.items():
            (self.application / name).write_text(text)
        self.processes = []
        others = others or {"cloud": "native"}
        names = [*boards, *others]
        ports = dict(zip(names, free_ports(len(names))))
        for name in names:
            options = ["--tee", "sancus", "--emulator", board] if name in boards else ["--tee", others[name]]
            if others.get(name, "native") != "native":
                options.append("--simulate")
            if name in boards and LINES[line] is not None:
                options += ["--hz", str(HZ), "--firmware", firmware(LINES[line])]
            self.start(name, ports[name], options)
        nodes = [f"  {name}: {{ tee: sancus, address: 127.0.0.1:{ports[name]}, {VENDOR} }}" for name in boards]
        machine = {"trustzone": ", machine: x86-64"}
        nodes += [f"  {name}: {{ tee: {tee}, address: 127.0.0.1:{ports[name]}{machine.get(tee, '')} }}" for name, tee in others.items()]
        (self.application / "authex.yaml").write_text("\n".join(["application: bench", "nodes:", *nodes, modules]) + DIRECT)

    def start(self, name, port, options):
        ready = self.folder / f"{name}.ready"
        log = (self.folder / f"{name}.log").open("w")
        command = [BIN / "authex-em", "--name", name, "--listen", f"127.0.0.1:{port}", "--state", self.folder / name,
                   "--ready-file", ready, "--stop-modules-on-exit", *options]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        self.processes.append(process)
        deadline = time.monotonic() + 20
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                sys.exit(f"tools/bench: the manager of {name} does not start")
            time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(timeout=30)
        self.temporary.cleanup()

    def run(self, *arguments):
        begin = time.perf_counter()
        done = subprocess.run([BIN / "authex", *arguments], cwd=self.application, capture_output=True, check=False)
        if done.returncode != 0:
            sys.exit(f"tools/bench: authex {' '.join(arguments)}: {(done.stdout + done.stderr).decode()}")
        return (time.perf_counter() - begin) * 1e6, done.stdout

    def microseconds(self, count):
        """What the module `watch` needs for so many rounds or events."""
        self.run("output", "start", "--u32", str(count))
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            took = int.from_bytes(self.run("request", "result", "--raw")[1], "little")
            if took != 0:
                return took
            time.sleep(0.2)
        sys.exit("tools/bench: the rounds do not end")


def measure_round_trip(line, results):
    modules = """modules:
  watch: { node: cloud, sources: [watch.cpp] }
  pong:  { node: field, sources: [pong.cpp] }
connections:
  - { from: watch.out, to: pong.ping }
  - { from: pong.pong, to: watch.back }
"""
    with Managers(line, ["field"], {"watch.cpp": STOPWATCH, "pong.cpp": PONG}, modules) as application:
        application.run("up")
        application.microseconds(10)
        results[f"sancus_rtt_{line}"] = application.microseconds(100) / 100


def measure_stream(line, results):
    batch = 4  # more do not fit into the output of one call
    modules = f"""modules:
  watch:  {{ node: cloud, sources: [watch.cpp], definitions: {{ BATCH: {batch} }} }}
  source: {{ node: field, sources: [source.cpp], definitions: {{ BATCH: {batch} }} }}
connections:
  - {{ from: watch.out, to: source.next }}
  - {{ from: source.data, to: watch.back }}
"""
    with Managers(line, ["field"], {"watch.cpp": SINK, "source.cpp": SOURCE}, modules) as application:
        application.run("up")
        application.microseconds(2 * batch)
        results[f"sancus_stream_{line}"] = application.microseconds(50 * batch) / (50 * batch)
    if line == "1000000":
        results["sancus_stream_rate_1000000"] = 1e6 / results["sancus_stream_1000000"]


# Where sensor, tap and controller are: the configurations W, N and L of examples/irrigation.
IRRIGATION = {"wide": ("bed", "well", "cloud"), "narrow": ("bed", "bed", "cloud"), "local": ("bed", "bed", "bed")}


def measure_irrigation(line, results):
    example = ROOT / "examples/irrigation"
    files = {name: (example / name).read_text() for name in ("controller.cpp", "tap.cpp")} | {"watch.cpp": STOPWATCH}
    for name, (soil, tap, controller) in IRRIGATION.items():
        modules = f"""modules:
  soil:       {{ node: {soil}, driver: sensor, devices: [soil] }}
  tap:        {{ node: {tap}, sources: [tap.cpp], devices: [led0] }}
  controller: {{ node: {controller}, sources: [controller.cpp] }}
  watch:      {{ node: cloud, sources: [watch.cpp] }}
connections:
  - {{ from: watch.out,           to: controller.check }}
  - {{ from: controller.ask_soil, to: soil.ask }}
  - {{ from: soil.value,          to: controller.measured }}
  - {{ from: controller.set_tap,  to: tap.set }}
  - {{ from: tap.stands,          to: watch.back }}
"""
        boards = sorted({soil, tap})
        with Managers(line, boards, files, modules, board=example / "boards/bed.yaml") as application:
            application.run("up")
            application.microseconds(3)
            results[f"sancus_irrigation_{name}_{line}"] = application.microseconds(30) / 30


def measure_deployment(line, results):
    modules = """modules:
  watch: { node: cloud, sources: [watch.cpp] }
  pong:  { node: field, sources: [pong.cpp] }
connections:
  - { from: watch.out, to: pong.ping }
"""
    with Managers(line, ["field"], {"watch.cpp": STOPWATCH, "pong.cpp": PONG}, modules) as application:
        _, built = application.run("build", "--json")
        sizes = {module["name"]: module["image_bytes"] for module in json.loads(built)["modules"]}
        results["sancus_image_bytes"] = sizes["pong"]
        times = []
        for _ in range(3):
            application.run("deploy", "--module", "watch")
            times.append(application.run("deploy", "--module", "pong")[0] + application.run("attest", "pong")[0])
            application.run("down")
        results[f"sancus_deploy_{line}"] = sorted(times)[1]


def measure_cycles(results):
    done = subprocess.run([BIN / "sancus_cycles"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit("tools/bench: sancus_cycles: " + done.stdout + done.stderr)
    for name, parts in json.loads(done.stdout).items():
        for part, cycles in parts.items():
            results[f"sancus_cycles_{name}" + ("" if part == "total" else f"_{part}")] = cycles


def measure_lines(results, wanted):
    """Only what is asked for: each figure starts managers of its own."""
    for line in LINES:
        for measure, name in ((measure_round_trip, "rtt"), (measure_stream, "stream"), (measure_irrigation, "irrigation"),
                              (measure_deployment, "deploy")):
            if any(row.startswith(f"sancus_{name}") and row.endswith(line) for row in wanted):
                measure(line, results)
