"""Ports to listen on."""

from __future__ import annotations

import random
import socket

# Below the ports that Linux gives to outgoing connections, so that none of those takes it before a server does.
_PORTS = range(20_000, 30_000)


def free_port(host: str = "127.0.0.1") -> int:
    """A port of `host` that nothing listens on, outside the range of outgoing connections."""
    ports = random.SystemRandom()
    while True:
        port = ports.choice(_PORTS)
        if is_free(host, port):
            return port


def is_free(host: str, port: int) -> bool:
    """Can a server listen there now?"""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
