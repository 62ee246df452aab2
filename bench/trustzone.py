"""Trusted applications in the simulated TEE: a ball between two nodes, with enclaves and microcontrollers, deploying, bursts."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from nodes import BIN
from sancus_nodes import PONG, STOPWATCH, Managers
from sgx import BALLS, EXAMPLE, entries_of_a_burst, measure_deployment, measure_round_trip

RELAY = """#include <authex/module.hpp>
AUTHEX_OUTPUT(to_board);
AUTHEX_OUTPUT(to_cloud);
AUTHEX_INPUT(from_cloud, event) { to_board(event.data); }
AUTHEX_INPUT(from_board, event) { to_cloud(event.data); }
"""
CHAIN = """modules:
  watch: { node: cloud, sources: [watch.cpp] }
  relay: { node: gate,  sources: [relay.cpp] }
  pong:  { node: field, sources: [pong.cpp] }
connections:
  - { from: watch.out,      to: relay.from_cloud }
  - { from: relay.to_board, to: pong.ping }
  - { from: pong.pong,      to: relay.from_board }
  - { from: relay.to_cloud, to: watch.back }
"""


def board_image_bytes():
    """The smaller image of ping-pong, for AArch64."""
    with tempfile.TemporaryDirectory(prefix="authex-bench-") as folder:
        for source in [*EXAMPLE.glob("*.cpp"), EXAMPLE / "trustzone-aarch64.yaml"]:
            shutil.copy(source, folder)
        command = [BIN / "authex", "--file", "trustzone-aarch64.yaml", "build", "--json"]
        built = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
        return min(module["image_bytes"] for module in json.loads(built)["modules"])


def measure_chain():
    """A small event from an enclave through a trusted application to a board and back, at 57,600 baud."""
    files = {"watch.cpp": STOPWATCH, "relay.cpp": RELAY, "pong.cpp": PONG}
    others = {"gate": "trustzone", "cloud": "sgx"}
    with Managers("57600", ["field"], files, CHAIN, others=others) as application:
        application.run("up")
        application.microseconds(10)
        return application.microseconds(100) / 100


def measure_trustzone(results):
    # Here too, whatever else was measured before: the ratio wants the same minute.
    native = measure_round_trip("native", "native", "aes-128-gcm", BALLS)
    results["trustzone_ball"] = measure_round_trip("trustzone", "trustzone", "aes-128-gcm", BALLS)
    results["trustzone_ball_over_native"] = results["trustzone_ball"] / native
    results["trustzone_sgx_ball"] = measure_round_trip("trustzone", "sgx", "aes-128-gcm", BALLS)
    results["trustzone_sgx_ball_over_native"] = results["trustzone_sgx_ball"] / native
    results["trustzone_deploy_two_modules"], _ = measure_deployment("trustzone")
    results["trustzone_image_bytes"] = board_image_bytes()
    results["trustzone_burst_entries_sender"], results["trustzone_burst_entries_receiver"] = entries_of_a_burst("trustzone")
    results["trustzone_chain_57600"] = measure_chain()
