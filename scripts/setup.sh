#!/usr/bin/env bash
# Makes .venv with the pinned packages, sees to the system packages that rendering and the browser tests need, and builds
# the console's page.
# A second call finds the stamp of the first and returns at once; nothing here needs the network then.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Trust what the system trusts: many laboratories sign with a certificate of their own. (Older versions of uv know the
# second name.)
export UV_SYSTEM_CERTS=true UV_NATIVE_TLS=true

readonly VENV=.venv
readonly STAMP=$VENV/hiwm-setup
readonly PYTHON_VERSION=3.12
readonly LIBRARIES=(libegl1 libgl1 libgl1-mesa-dri libgles2 libosmesa6 chromium strace)

say() { printf 'setup: %s\n' "$*"; }

die() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

# What an installation depends on: the pins, this script, and the place (programs in .venv name it in their first line).
fingerprint() { { pwd -P; cat pyproject.toml constraints.txt scripts/setup.sh; } | sha256sum; }

# A program on PATH may be a shim that only says that it has nothing to run; hence every candidate is run.
runs() { "$@" >/dev/null 2>&1; }

is_python() { runs "$1" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$PYTHON_VERSION')"; }

find_python() {
    local candidate
    for candidate in "python$PYTHON_VERSION" python3 python "${HOME-}"/.pyenv/versions/"$PYTHON_VERSION"*/bin/python; do
        if is_python "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    if runs uv --version; then
        uv python find --system "$PYTHON_VERSION" 2>/dev/null && return
    fi
    die "expected a Python $PYTHON_VERSION, found none; install one (apt-get install python$PYTHON_VERSION" \
        "python$PYTHON_VERSION-venv, pyenv install $PYTHON_VERSION, or uv python install $PYTHON_VERSION)" \
        "and run the same command again"
}

make_venv() {
    local python
    python=$(find_python)
    say "making $VENV with $python"
    if runs "$python" -c "import ensurepip, venv"; then
        "$python" -m venv --clear "$VENV"
    elif runs uv --version; then
        rm -rf "$VENV"
        uv venv --quiet --python "$python" "$VENV"
    else
        die "$python cannot make a virtual environment; install python$PYTHON_VERSION-venv or uv, then run this again"
    fi
}

install_packages() {
    local uv=uv
    if ! runs uv --version; then
        uv=$VENV/bin/uv
        runs "$uv" --version || "$VENV/bin/python" -m pip install -qq --disable-pip-version-check -c constraints.txt uv
    fi
    say "installing the pinned packages"
    # Of what uv reports on stderr, the phases, errors and the downloads of 100 MiB and more are worth a line.
    "$uv" pip install --python "$VENV/bin/python" -c constraints.txt -e '.[dev]' 2>&1 |
        sed -uE -e '/^ [-+~] |^ *(Building|Built|Downloaded) |Downloading .*\([0-9]{1,2}\./d' -e 's/^ */setup: /'
}

missing_libraries() {
    local library
    for library in "${LIBRARIES[@]}"; do
        dpkg-query -W -f '${Status}' "$library" 2>/dev/null | grep -q '^install ok' || printf '%s ' "$library"
    done
}

install_libraries() {
    local missing log
    runs command -v dpkg-query apt-get || return 0
    read -ra missing <<<"$(missing_libraries)"
    ((${#missing[@]})) || return 0
    local install=(apt-get install -y --no-install-recommends "${missing[@]}")
    if ((EUID != 0)); then
        say "rendering and the browser tests need system packages; run: sudo ${install[*]}"
        return 0
    fi
    say "installing ${missing[*]}"
    log=$(mktemp)
    if ! { apt-get update && DEBIAN_FRONTEND=noninteractive "${install[@]}"; } >"$log" 2>&1; then
        tail -n 3 "$log" >&2
        say "could not install what rendering and the browser tests need; when the network is back, run: ${install[*]}"
    fi
    rm -f "$log"
}

# Everything but the console works without its page, and `hiwm serve` says that it is missing.
build_page() { bash scripts/build_web.sh || say "the console's page is not built; see above"; }

main() {
    install_libraries
    local wanted
    wanted=$(fingerprint)
    if [[ -f $STAMP && $(<"$STAMP") == "$wanted" ]] && is_python "$VENV/bin/python"; then
        build_page
        return 0
    fi
    # In a checkout that was moved or copied, the programs of .venv still point to its old place; it is made anew.
    if ! { is_python "$VENV/bin/python" && grep -qF "$PWD/$VENV" "$VENV/bin/activate"; }; then
        make_venv
    fi
    install_packages
    printf '%s\n' "$wanted" >"$STAMP"
    build_page
    say "done"
}

main
