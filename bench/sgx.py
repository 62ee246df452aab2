"""Enclaves over the simulated processor: a ball between two nodes, deploying, and the verifier of quotes."""

import json
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from nodes import BIN, Nodes, free_ports
from scale import COUNTER, Manager, write_sender

EXAMPLE = Path(__file__).resolve().parent.parent / "examples/ping-pong"
BALLS = 20000

GAME = """application: ping-pong
nodes:
  left:  {{ tee: {left}, address: 127.0.0.1:{ports[0]} }}
  right: {{ tee: {right}, address: 127.0.0.1:{ports[1]} }}
modules:
  ping: {{ node: left,  sources: [ping.cpp] }}
  pong: {{ node: right, sources: [pong.cpp] }}
connections:
  - {{ from: ping.ping, to: pong.ping, encryption: {cipher} }}
  - {{ from: pong.pong, to: ping.pong, encryption: {cipher} }}
  - {{ name: start, direct: true, to: ping.start }}
  - {{ name: score, direct: true, to: ping.score }}
simulation: allowed
"""


def play(nodes, balls, before):
    """Mean round trip of a ball of 64 bytes, in µs."""
    nodes.run("output", "start", "--hex", balls.to_bytes(4, "little").hex() + "4000")
    begin = time.perf_counter()
    while True:
        rallies = bytes.fromhex(nodes.run("request", "score")[1].split()[0])
        if int.from_bytes(rallies[:4], "little") >= before + balls:
            return (time.perf_counter() - begin) * 1e6 / balls
        time.sleep(0.01)


def node_of(tee):
    """Simulated trusted applications are of this machine's processor."""
    return "trustzone, machine: x86-64" if tee == "trustzone" else tee


def game(left, right, cipher):
    folder = tempfile.TemporaryDirectory(prefix="authex-bench-")
    for source in EXAMPLE.glob("*.cpp"):
        shutil.copy(source, folder.name)
    return folder, GAME.format(left=node_of(left), right=node_of(right), cipher=cipher, ports=free_ports(2))


def measure_round_trip(left, right, cipher, balls):
    folder, descriptor = game(left, right, cipher)
    with folder, Nodes(folder.name, descriptor) as nodes:
        nodes.run("up")
        play(nodes, balls // 10, 0)
        return play(nodes, balls, balls // 10)


def measure_deployment(tee):
    folder, descriptor = game(tee, tee, "aes-128-gcm")
    with folder, Nodes(folder.name, descriptor) as nodes:
        images = json.loads(nodes.run("build", "--json")[1])["modules"]
        times, idle = [], []
        for _ in range(5):
            times.append(nodes.run("up")[0])
            idle.append(nodes.run("up")[0])
            nodes.run("down")
        return statistics.median(times) - statistics.median(idle), min(each["image_bytes"] for each in images)


BURST = """application: burst
nodes:
  left:  {{ tee: {node}, address: 127.0.0.1:{ports[0]} }}
  right: {{ tee: {node}, address: 127.0.0.1:{ports[1]} }}
modules:
  sender:  {{ node: left,  sources: [sender.cpp] }}
  counter: {{ node: right, sources: [counter.cpp] }}
connections:
  - {{ from: sender.out0, to: counter.in }}
  - {{ name: start, direct: true, to: sender.go }}
simulation: allowed
"""


def entries_at(port):
    """How often a node has entered its modules."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        return sum(int(count) for count in re.findall(rb"^authex_module_entries_total{.*} (\d+)$", answer.read(), re.M))


def entries_of_a_burst(tee):
    """Entries into the modules of sender and receiver for each event of a burst, of 64 bytes each."""
    events = 10_000
    ports = free_ports(6)
    with tempfile.TemporaryDirectory(prefix="authex-bench-") as folder:
        Path(folder, "authex.yaml").write_text(BURST.format(node=node_of(tee), ports=ports))
        Path(folder, "counter.cpp").write_text(COUNTER)
        write_sender(folder, 1, events, 64, 2000)

        def run(*arguments):
            done = subprocess.run([BIN / "authex", *arguments], cwd=folder, capture_output=True, text=True, check=True)
            return done.stdout

        managers = [
            Manager(folder, ports[i], ports[i + 2], "--tee", tee, "--simulate", "--metrics", f"127.0.0.1:{ports[i + 4]}")
            for i in range(2)
        ]
        for manager in managers:
            manager.start()
        try:
            run("up")
            before = [entries_at(port) for port in ports[4:]]
            run("output", "start")
            calls = 0
            while True:
                calls += 1
                reported = json.loads(run("call", "counter", "report", "--json"))["reply"]
                if int.from_bytes(bytes.fromhex(reported), "little") == events:
                    break
            after = [entries_at(port) for port in ports[4:]]
        finally:
            for manager in managers:
                manager.end(signal.SIGTERM)
        return (after[0] - before[0]) / events, (after[1] - before[1] - calls) / events


def measure_burst(results):
    results["sgx_burst_entries_sender"], results["sgx_burst_entries_receiver"] = entries_of_a_burst("sgx")


def measure_sgx(results):
    results["native_ball"] = measure_round_trip("native", "native", "aes-128-gcm", BALLS)
    results["sgx_ball"] = measure_round_trip("sgx", "sgx", "aes-128-gcm", BALLS)
    results["sgx_ball_over_native"] = results["sgx_ball"] / results["native_ball"]
    results["sgx_ball_spongent"] = measure_round_trip("sgx", "sgx", "spongent-128", BALLS // 4)
    results["sgx_deploy_two_modules"], results["sgx_image_bytes"] = measure_deployment("sgx")


def measure_verifier(results):
    done = subprocess.run(
        [BIN / "sgx_verifier_bench", "--benchmark_format=json", "--benchmark_repetitions=3", "--benchmark_min_time=0.3"],
        capture_output=True,
        text=True,
        check=True,
    )
    names = {
        "verify_with_cached_collateral": "sgx_verify_again",
        "verify_all_anew": "sgx_verify_first",
        "one_signature": "sgx_one_signature",
    }
    for row in json.loads(done.stdout)["benchmarks"]:
        if row.get("aggregate_name") == "median":
            results[names[row["run_name"]]] = row["cpu_time"]
