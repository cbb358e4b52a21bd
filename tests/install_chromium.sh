#!/usr/bin/env bash
# Makes sure that the browser tests have a Chromium: Debian's, by apt-get, where none is on the path.
set -euo pipefail

for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then exit 0; fi
done

as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo -n); fi
if ! command -v apt-get >/dev/null || { [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; }; then
    echo "The browser tests need Chromium: install it, so that \`chromium\` is on the path, and run this again." >&2
    exit 1
fi
echo "==> Chromium for the browser tests, by apt-get"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core
