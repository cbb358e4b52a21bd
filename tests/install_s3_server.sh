#!/usr/bin/env bash
# Makes sure that tests/storage has an S3-compatible server: versitygw, built by Go into a cache folder, some minutes
# the first time. Where Go is missing those tests skip and say so. FACINGS_TEST_BIN names another folder.
set -euo pipefail

version=v1.8.0
folder=${FACINGS_TEST_BIN:-${XDG_CACHE_HOME:-$HOME/.cache}/facings/bin}
server=$folder/versitygw-$version
if [ -x "$server" ]; then exit 0; fi
if ! command -v go >/dev/null; then
    echo "==> no Go on the path: the tests of object storage (tests/storage) will be skipped" >&2
    exit 0
fi
echo "==> versitygw $version for the tests of object storage, by go install (some minutes, once)"
mkdir -p "$folder"
building=$(mktemp -d "$folder/building.XXXXXX")
trap 'rm -rf "$building"' EXIT
if ! CGO_ENABLED=0 GOBIN=$building nice go install -trimpath -ldflags "-s -w" \
    "github.com/versity/versitygw/cmd/versitygw@$version"; then
    echo "==> versitygw could not be built: the tests of object storage (tests/storage) will be skipped" >&2
    exit 0
fi
mv "$building/versitygw" "$server"
