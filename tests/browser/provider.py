"""An OpenID Connect provider on loopback: `python tests/browser/provider.py PORT`. Whoever comes says who they are.

Authorisation code flow with a signed id token, as the specification has it; every person's roles are in a claim.
"""

from __future__ import annotations

import base64
import json
import secrets
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

PEOPLE = {"ann": ["north"], "max": ["manager"], "eve": ["visitor"]}
CLIENT, SECRET = "facings", "for-this-test-only"
CODES: dict[str, dict[str, str]] = {}
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})


class Provider(BaseHTTPRequestHandler):
    """Answers one request. Codes are used once."""

    def do_GET(self) -> None:
        """Discovery, keys and the page where a person signs in."""
        place = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(place.query).items()}
        if place.path == "/.well-known/openid-configuration":
            self._json(self._discovery())
        elif place.path == "/jwks":
            self._json({"keys": [KEY.as_dict(private=False)]})
        elif place.path == "/authorize" and "who" in asked:
            code = secrets.token_urlsafe(16)
            CODES[code] = asked
            target = f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"
            self._send(302, b"", "text/plain", {"Location": target})
        elif place.path == "/authorize" and asked.get("client_id") == CLIENT:
            links = (f'<p><a href="/authorize?{place.query}&who={name}">{name}</a></p>' for name in PEOPLE)
            self._send(200, f"<h1>Who are you?</h1>{''.join(links)}".encode(), "text/html")
        else:
            self._send(404, b"no such place", "text/plain")

    def do_POST(self) -> None:
        """A code for an id token, to the client that knows the secret."""
        form = {k: v[0] for k, v in parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()).items()}
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        known = self.headers.get("Authorization") == f"Basic {basic}" or form.get("client_secret") == SECRET
        asked = CODES.pop(form.get("code", ""), None)
        if not known or asked is None:
            self._send(401, b'{"error": "invalid_client"}', "application/json")
            return
        now = int(time.time())
        claims = {"iss": self._root(), "aud": CLIENT, "sub": asked["who"], "iat": now, "exp": now + 600}
        claims |= {"nonce": asked.get("nonce"), "name": asked["who"], "roles": PEOPLE[asked["who"]]}
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, KEY)
        self._json({"access_token": "none", "token_type": "Bearer", "expires_in": 600, "id_token": token})

    def _root(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]  # the base class has it not

    def _discovery(self) -> dict[str, object]:
        return {
            "issuer": self._root(),
            "authorization_endpoint": f"{self._root()}/authorize",
            "token_endpoint": f"{self._root()}/token",
            "jwks_uri": f"{self._root()}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """No log."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Provider).serve_forever()
