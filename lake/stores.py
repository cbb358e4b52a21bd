"""Object stores: what each scheme of address needs, and what a store's refusal means (docs/object-storage.md).

One mapping of options serves both libraries: delta-rs takes it as it is, pyarrow's file systems get their arguments
from it. Names are those of the environment (AWS_…, GOOGLE_…, AZURE_…), in any case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import SplitResult

from pyarrow import fs as pafs

from lake.errors import LakeError, StoreRefused

Options = Mapping[str, str]
Opened = tuple[str, pafs.FileSystem, str, dict[str, str]]
"""Root as delta-rs wants it, file system, the root's path in it, options for delta-rs."""

# The first contact answers within seconds; later requests keep delta-rs's own patience (10 retries in 180 s).
PROBE = {"max_retries": "1", "retry_timeout": "8s", "connect_timeout": "5s", "timeout": "6s"}
_TRUE = {"1", "true", "yes", "on"}
_AZURE_HOST = ".dfs.core.windows.net"


def open_store(address: SplitResult, options: Options) -> Opened:
    """What is needed to work on an object store. Raises LakeError for an unknown scheme or options that can't work."""
    opener = _OPENERS.get(address.scheme)
    if opener is None:
        raise LakeError(
            f"lake {address.geturl()!r}: scheme {address.scheme!r} is not supported; use a path, file://, "
            f"{', '.join(f'{name}://' for name in _OPENERS)}"
        )
    if not address.netloc:
        raise LakeError(f"lake {address.geturl()!r} names no bucket: write {address.scheme}://BUCKET/PATH")
    return opener(address, {_name(key): value for key, value in options.items() if value})


def _name(key: str) -> str:
    return key.upper() if key.lower().startswith(("aws_", "google_", "azure_")) else key


def _s3(address: SplitResult, options: dict[str, str]) -> Opened:
    root = f"s3://{address.netloc}{address.path.rstrip('/')}"
    endpoint = options.get("AWS_ENDPOINT_URL_S3") or options.get("AWS_ENDPOINT_URL") or options.get("AWS_ENDPOINT")
    region = options.get("AWS_REGION") or options.get("AWS_DEFAULT_REGION")
    key, secret = options.get("AWS_ACCESS_KEY_ID"), options.get("AWS_SECRET_ACCESS_KEY")
    if (key is None) != (secret is None):
        raise LakeError(f"lake {root}: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go together; only one is set")
    given = {"AWS_CONDITIONAL_PUT": "etag", **options}
    if endpoint:
        given["AWS_ENDPOINT_URL"] = endpoint
        if endpoint.startswith("http://") and given.get("AWS_ALLOW_HTTP", "").lower() not in _TRUE:
            raise LakeError(f"lake {root}: {endpoint} is not encrypted; set AWS_ALLOW_HTTP=true to allow it")
    if region:
        given["AWS_REGION"] = region
    if key is None and options.get("AWS_PROFILE"):
        given["AWS_FORCE_CREDENTIAL_LOAD"] = "true"  # behind an endpoint delta-rs asks no profile unless told to
    files = pafs.S3FileSystem(
        access_key=key,
        secret_key=secret,
        session_token=options.get("AWS_SESSION_TOKEN"),
        region=region,
        endpoint_override=endpoint,
        tls_ca_file_path=options.get("AWS_CA_BUNDLE"),
        allow_delayed_open=True,  # a small file is one request, not three
    )
    return root, files, f"{address.netloc}{address.path}", given


def _gcs(address: SplitResult, options: dict[str, str]) -> Opened:
    root = f"gs://{address.netloc}{address.path.rstrip('/')}"
    return root, pafs.GcsFileSystem(), f"{address.netloc}{address.path}", dict(options)


def _azure(address: SplitResult, options: dict[str, str]) -> Opened:
    container, _, host = address.netloc.rpartition("@")
    if not container:
        container, host = host, ""
    account = host.removesuffix(_AZURE_HOST) or options.get("AZURE_STORAGE_ACCOUNT_NAME")
    if not account:
        raise LakeError(
            f"lake {address.geturl()!r} names no storage account: set AZURE_STORAGE_ACCOUNT_NAME, "
            f"or write abfss://CONTAINER@ACCOUNT{_AZURE_HOST}/PATH"
        )
    given = {"AZURE_STORAGE_ACCOUNT_NAME": account, **options}
    arguments: dict[str, Any] = {
        "account_name": account,
        "account_key": options.get("AZURE_STORAGE_ACCOUNT_KEY"),
        "sas_token": options.get("AZURE_STORAGE_SAS_TOKEN"),
        "tenant_id": options.get("AZURE_TENANT_ID"),
        "client_id": options.get("AZURE_CLIENT_ID"),
        "client_secret": options.get("AZURE_CLIENT_SECRET"),
    }
    endpoint = options.get("AZURE_ENDPOINT")
    if endpoint:  # an emulator, which has one host for both services
        scheme, _, authority = endpoint.partition("://")
        authority = authority.partition("/")[0]
        for service in ("blob", "dfs"):
            arguments |= {f"{service}_storage_scheme": scheme, f"{service}_storage_authority": authority}
    files = pafs.AzureFileSystem(**{name: value for name, value in arguments.items() if value is not None})
    return f"az://{container}{address.path.rstrip('/')}", files, f"{container}{address.path}", given


_OPENERS: dict[str, Callable[[SplitResult, dict[str, str]], Opened]] = {
    "s3": _s3,
    "s3a": _s3,
    "gs": _gcs,
    "gcs": _gcs,
    "az": _azure,
    "abfs": _azure,
    "abfss": _azure,
}

_OURS = re.compile(r"Generic (?:S3|GCS|MicrosoftAzure) error|Error performing |loading credentials|AWS Error ")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# What a refusal says, the first that fits, and what to do about it; the pattern's last group is told, too.
_REMEDIES = (
    (r"URL scheme is not allowed", "its endpoint is not encrypted: set AWS_ALLOW_HTTP=true to allow it"),
    (r"(169\.254\.169\.254|metadata\.google|loading credentials)", "there are no credentials: set {keys}"),
    (r"<Code>(NoSuchBucket|ContainerNotFound)", "there is no such bucket ({code}): create it, or correct the address"),
    (r"<Code>(InvalidBucketName)", "that is no valid name of a bucket ({code}): correct the address"),
    (r"<Code>(AuthorizationHeaderMalformed|PermanentRedirect)", "the region is wrong ({code}): set AWS_REGION"),
    (r"<Code>(ExpiredToken|InvalidToken)", "the session token is not accepted ({code}): renew it"),
    (r"<Code>(SignatureDoesNotMatch|InvalidAccessKeyId|\w*UserNotFound)", "wrong keys ({code}): check {keys}"),
    (r"<Code>(AuthenticationFailed|InvalidAuthenticationInfo)", "wrong keys ({code}): check {keys}"),
    (
        r"(?:<Code>(AccessDenied|AuthorizationFailure)|(403 Forbidden|401 Unauthorized|ACCESS_DENIED))",
        "access is refused ({code}): check {keys}, and what they may do in the bucket",
    ),
    (
        r"(?i)(invalid peer certificate|certificate verify failed|SSL peer certificate|self.signed certificate)",
        "its certificate is not trusted ({code}): set SSL_CERT_FILE (and AWS_CA_BUNDLE, if set) to its authority's",
    ),
    (
        r"(Connection refused|dns error|resolve host|timed out|InvalidContentType|NETWORK_CONNECTION|HTTP error$)",
        "it can't be reached ({code}): check the endpoint{endpoint} and the network",
    ),
)
_KEYS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}


def refusal(error: Exception, root: str, options: Options) -> StoreRefused | None:
    """What a store's error means and what to do, in one line; None where the error is not the store's."""
    text = _COLOUR.sub("", str(error))
    if not _OURS.search(text):
        return None
    endpoint = options.get("AWS_ENDPOINT_URL") or options.get("AZURE_ENDPOINT")
    facts = {"keys": _KEYS.get(root.partition("://")[0], ""), "endpoint": f" {endpoint}" if endpoint else ""}
    for pattern, remedy in _REMEDIES:
        found = re.search(pattern, text)
        if found:
            return StoreRefused(f"lake {root}: {remedy.format(code=found[found.lastindex or 0], **facts)}")
    words = " ".join(text.replace("↳", ":").split())
    return StoreRefused(f"lake {root}: the object store failed: {words[:400]}")
