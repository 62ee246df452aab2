"""HTTPS that ends inside a module, beside nginx with the same protocol, cipher, curve and page, in the same run.

New connections are those of `openssl s_time`, requests those of curl on four connections that it keeps.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nodes import Nodes, free_ports

SECONDS = 5
REQUESTS = 4000  # on each connection
CLIENTS = 4

MODULE = """#include <authex/web.hpp>
AUTHEX_WEB_SERVER(web, 8);
AUTHEX_WEB_PAGE(front, web, "GET", "/", request) {
    request.answer(200, "text/plain", authex::bytes_of_text("hello\\n"));
}
AUTHEX_HANDLER(init_server, request, reply) {
    if (web.listen(request.reader().u16()) != AUTHEX_OK) {
        request.fail();
    }
    web.write_certificate(reply);
}
"""

DESCRIPTOR = """application: web
nodes:
  cloud: {{ tee: {tee}, address: 127.0.0.1:{port} }}
modules:
  web: {{ node: cloud, sources: [web.cpp] }}
connections:
  - {{ name: init, direct: true, to: web.init_server }}
simulation: allowed
"""

NGINX = """daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000;
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/server.pem;
        ssl_certificate_key {folder}/server.key;
        ssl_protocols TLSv1.2;
        ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256;
        ssl_ecdh_curve prime256v1;
        ssl_session_cache off;
        ssl_session_tickets off;
        default_type text/plain;
        location = / {{ return 200 "hello\\n"; }}
    }}
}}
"""


def wait_for(port, certificate):
    for _ in range(200):
        if subprocess.run(["curl", "-s", "--cacert", certificate, f"https://127.0.0.1:{port}/"], capture_output=True, check=False).stdout == b"hello\n":
            return
        time.sleep(0.05)
    sys.exit(f"tools/bench: nothing answers on port {port}")


def measure_port(port, certificate):
    """New connections a second, and requests a second on connections that are kept."""
    wait_for(port, certificate)
    said = subprocess.run(
        ["openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-CAfile", certificate, "-new", "-www", "/", "-time", str(SECONDS)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    connections, seconds = re.search(r"(\d+) connections in (\d+) real seconds", said).groups()
    curl = ["curl", "-s", "--cacert", certificate, "-o", "/dev/null", f"https://127.0.0.1:{port}/?[1-{REQUESTS}]"]
    begin = time.perf_counter()
    clients = [subprocess.Popen(curl) for _ in range(CLIENTS)]
    if any(client.wait() != 0 for client in clients):
        sys.exit("tools/bench: a request over HTTPS failed")
    return int(connections) / int(seconds), CLIENTS * REQUESTS / (time.perf_counter() - begin)


def measure_module(tee):
    port, web_port = free_ports(2)
    with tempfile.TemporaryDirectory(prefix="authex-bench-") as folder:
        Path(folder, "web.cpp").write_text(MODULE)
        with Nodes(folder, DESCRIPTOR.format(tee=tee, port=port)) as nodes:
            nodes.run("up")
            certificate = Path(folder, "server.pem")
            certificate.write_text(nodes.run("request", "init", "--u16", str(web_port), "--raw")[1])
            return measure_port(web_port, certificate)


def measure_nginx():
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="authex-bench-") as folder:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=bench",
             "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{folder}/server.key", "-out", f"{folder}/server.pem"],
            capture_output=True,
            check=True,
        )
        Path(folder, "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
        server = subprocess.Popen([shutil.which("nginx"), "-c", f"{folder}/nginx.conf", "-e", f"{folder}/log"])
        try:
            return measure_port(port, Path(folder, "server.pem"))
        finally:
            server.terminate()
            server.wait(timeout=30)


def measure_web(results):
    results["web_new_rate"], results["web_kept_rate"] = measure_module("native")
    results["web_new_rate_sgx"], results["web_kept_rate_sgx"] = measure_module("sgx")
    if shutil.which("nginx") is None:
        print("nginx is not installed (Debian package nginx): nothing to compare HTTPS with", flush=True)
        return
    results["nginx_new_rate"], results["nginx_kept_rate"] = measure_nginx()
    results["web_new_over_nginx"] = results["web_new_rate"] / results["nginx_new_rate"]
    results["web_kept_over_nginx"] = results["web_kept_rate"] / results["nginx_kept_rate"]
