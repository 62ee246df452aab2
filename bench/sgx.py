"""Enclaves over the simulated processor: a ball between two nodes, deploying, and the verifier of quotes."""

import json
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from nodes import BIN, Nodes, free_ports

EXAMPLE = Path(__file__).resolve().parent.parent / "examples/ping-pong"
BALLS = 20000

GAME = """application: ping-pong
nodes:
  left:  {{ tee: {tee}, address: 127.0.0.1:{ports[0]} }}
  right: {{ tee: {tee}, address: 127.0.0.1:{ports[1]} }}
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


def game(tee, cipher):
    folder = tempfile.TemporaryDirectory(prefix="authex-bench-")
    for source in EXAMPLE.glob("*.cpp"):
        shutil.copy(source, folder.name)
    return folder, GAME.format(tee=tee, cipher=cipher, ports=free_ports(2))


def measure_round_trip(tee, cipher, balls):
    folder, descriptor = game(tee, cipher)
    with folder, Nodes(folder.name, descriptor) as nodes:
        nodes.run("up")
        play(nodes, balls // 10, 0)
        return play(nodes, balls, balls // 10)


def measure_deployment():
    folder, descriptor = game("sgx", "aes-128-gcm")
    with folder, Nodes(folder.name, descriptor) as nodes:
        images = json.loads(nodes.run("build", "--json")[1])["modules"]
        times, idle = [], []
        for _ in range(5):
            times.append(nodes.run("up")[0])
            idle.append(nodes.run("up")[0])
            nodes.run("down")
        return statistics.median(times) - statistics.median(idle), min(each["image_bytes"] for each in images)


def measure_sgx(results):
    results["native_ball"] = measure_round_trip("native", "aes-128-gcm", BALLS)
    results["sgx_ball"] = measure_round_trip("sgx", "aes-128-gcm", BALLS)
    results["sgx_ball_over_native"] = results["sgx_ball"] / results["native_ball"]
    results["sgx_ball_spongent"] = measure_round_trip("sgx", "spongent-128", BALLS // 4)
    results["sgx_deploy_two_modules"], results["sgx_image_bytes"] = measure_deployment()


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
