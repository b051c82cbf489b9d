# SPDX-License-Identifier: Apache-2.0
"""The far ends of the TLS tests: certificates made on the spot by openssl, a real nginx that ends
TLS in front of a receiver, and bare TLS sockets that misbehave."""
import contextlib
import pathlib
import select
import shutil
import signal
import socket
import ssl
import subprocess
import threading

from daemon import PATIENCE, free_port, wait_for

# Debian keeps it where an ordinary user's PATH does not look.
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

NGINX_CONF = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log info;
events {{ worker_connections 512; }}
http {{
    log_format each '$connection $server_protocol $status $request_uri $http_idempotency_key';
    access_log {folder}/access.log each;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    keepalive_requests {keepalive_requests};
    server {{
        listen 127.0.0.1:{port} ssl {http2};
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        location / {{ proxy_pass {behind}; proxy_read_timeout 600s; }}
        location /moved {{ return {redirect} {behind}/in; }}
        location /cut {{ return 444; }}
    }}
}}
"""


class Certificate:
    def __init__(self, pem, key):
        self.pem = pem
        self.key = key


class Authority:
    """A throw-away CA in a folder of its own."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.pem = self.folder / "ca.pem"
        self.openssl(
            "req", "-x509", *NEW_KEY, "-days", "2", "-subj", "/CN=Tenon tests' throw-away CA",
            "-keyout", "ca.key", "-out", "ca.pem",
        )  # fmt: skip

    def openssl(self, *arguments):
        run = subprocess.run(
            ["openssl", *arguments], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr

    def issue(self, name, alternatives="DNS:localhost,IP:127.0.0.1", days=2):
        """A server certificate for these names; with days=-1 it has expired."""
        (self.folder / (name + ".ext")).write_text("subjectAltName=%s\n" % alternatives)
        self.openssl(
            "req", *NEW_KEY, "-subj", "/CN=" + name, "-keyout", name + ".key", "-out", name + ".csr"
        )
        self.openssl(
            "x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", str(days), "-extfile", name + ".ext", "-out", name + ".pem",
        )  # fmt: skip
        return Certificate(self.folder / (name + ".pem"), self.folder / (name + ".key"))

    def self_signed(self, name):
        self.openssl(
            "req", "-x509", *NEW_KEY, "-days", "2", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-keyout", name + ".key", "-out", name + ".pem",
        )  # fmt: skip
        return Certificate(self.folder / (name + ".pem"), self.folder / (name + ".key"))


class Nginx:
    """TLS in front of a receiver. `requests()` is its access log: what came, in which protocol, on
    which connection."""

    def __init__(self, folder, certificate, behind):
        self.folder = pathlib.Path(folder)
        self.certificate = certificate
        self.behind = behind
        self.port = free_port()
        self.process = None

    def start(self, http2=True, keepalive_requests=1000, redirect=302):
        conf = self.folder / "nginx.conf"
        conf.write_text(
            NGINX_CONF.format(
                folder=self.folder,
                keepalive_requests=keepalive_requests,
                port=self.port,
                http2="http2" if http2 else "",
                certificate=self.certificate.pem,
                key=self.certificate.key,
                behind=self.behind,
                redirect=redirect,
            )
        )
        self.process = subprocess.Popen(
            [NGINX, "-e", str(self.folder / "nginx-error.log"), "-p", self.folder, "-c", conf],
            stdin=subprocess.DEVNULL,
        )
        wait_for(self.is_up, "nginx to listen")
        return self

    def is_up(self):
        assert self.process.poll() is None, (self.folder / "nginx-error.log").read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def stop(self, how=signal.SIGTERM):
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(20 * PATIENCE)
        self.process = None

    def url(self, path="/in", host="localhost"):
        return "https://%s:%d%s" % (host, self.port, path)

    def requests(self):
        """A row for each request that is answered, or was given up: a dict."""
        log = self.folder / "access.log"
        names = ("connection", "protocol", "status", "uri", "key")
        lines = log.read_text().splitlines() if log.exists() else []
        return [dict(zip(names, line.split())) for line in lines]


class BarePeer:
    """Listens, and has `behave(peer, socket)` do what it will with each connection, one at a time.
    `seen` is what that noted down."""

    def __init__(self, behave):
        self.behave = behave
        self.seen = []
        self.connection = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return  # stopped
            self.connection = connection
            with connection, contextlib.suppress(OSError):
                connection.settimeout(20 * PATIENCE)
                self.behave(self, connection)

    def url(self, path="/in"):
        return "https://localhost:%d%s" % (self.port, path)

    def stop(self):
        for one in (self.listener, self.connection):
            with contextlib.suppress(OSError, AttributeError):  # closed, or never there
                one.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(20 * PATIENCE)


def serve_tls(connection, certificate):
    """The server's end of a handshake over HTTP/1.1; the socket to talk over."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.pem, certificate.key)
    return context.wrap_socket(connection, server_side=True)


def tunnel(peer, connection):
    """What a proxy does with CONNECT, for BarePeer; `seen` is where to it was asked to connect."""
    target = connection.recv(4096).split()[1].decode()
    peer.seen.append(target)
    with socket.create_connection(("127.0.0.1", int(target.split(":")[1]))) as other:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        ends = {connection: other, other: connection}
        while True:
            for one in select.select(list(ends), [], [])[0]:
                data = one.recv(65536)
                if not data:
                    return
                ends[one].sendall(data)


def read_request(stream):
    """One whole request with a Content-Length: its bytes."""
    with stream.makefile("rb") as reader:
        head = b""
        length = 0
        while (line := reader.readline()) not in (b"\r\n", b""):
            head += line
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return head + b"\r\n" + reader.read(length)
