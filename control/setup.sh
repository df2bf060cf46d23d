# shellcheck shell=bash
# What control/demo, control/test and control/asterisk-root share: saying, failing, and installing what is missing.
# Sourced, not run. Everything kept between runs is below $nexefax_cache.

nexefax_source=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
nexefax_cache=${NEXEFAX_CACHE:-/var/cache/nexefax}
# The system's Python: one in root's home, as pyenv puts it, is none that an ordinary user can run.
nexefax_python=${PYTHON:-/usr/bin/python3}
nexefax_command=$(basename "$0")
# shellcheck disable=SC2034  # for who sources this
mapfile -t nexefax_packages < <(grep -v '^#' "$nexefax_source/control/packages")

say() { echo "$nexefax_command: $*"; }

fail() {
    echo "$nexefax_command: $*" >&2
    exit 1
}

# need_root WHY
need_root() {
    [ "$(id -u)" = 0 ] || fail "root is needed $1; run: sudo $0"
}

# missing_packages PACKAGE...: prints those that are not installed
missing_packages() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
    done
}

# install_packages WHY PACKAGE...: installs what is missing, and starts no service.
install_packages() {
    local why=$1 missing
    shift
    command -v apt-get >/dev/null || fail "this needs apt-get (Debian, Ubuntu); install what corresponds to: $*"
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    need_root "$why: ${missing[*]}"
    say "installing Debian packages $why: ${missing[*]}"
    without_services install_missing "${missing[@]}"
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} = 0 ] || fail "these Debian packages can't be had: ${missing[*]}. What apt-get said is above."
}

install_missing() {
    export DEBIAN_FRONTEND=noninteractive
    local options=(-y -q -o Dpkg::Use-Pty=0 --no-install-recommends)
    # apt's lists may be absent (containers) or too old; else fetching them would be time lost.
    if apt_knows "$@" && apt-get install "${options[@]}" "$@" </dev/null; then
        return
    fi
    say "fetching apt's package lists"
    apt-get update -q </dev/null || true
    apt-get install "${options[@]}" "$@" </dev/null || true
}

# apt_knows PACKAGE...: whether each has a candidate in the lists that are here
apt_knows() {
    [ "$(LC_ALL=C apt-cache policy "$@" | grep -c '^ *Candidate: [^(]')" = $# ]
}

# without_services COMMAND...: while it runs, invoke-rc.d starts nothing (a web server on port 80 for the sake of tests).
without_services() {
    local policy=/usr/sbin/policy-rc.d status=0
    if [ -e "$policy" ]; then
        "$@"
        return
    fi
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    "$@" || status=$?
    rm -f "$policy"
    return $status
}

# make_venv EXTRA: a virtual environment with pyproject's dependencies and those of an extra, kept by pyproject's contents;
# sets $venv. NexeFax itself is not in it: it runs from the source.
make_venv() {
    local extra=$1 hash
    "$nexefax_python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        fail "$nexefax_python is $("$nexefax_python" --version 2>&1 || echo missing); Python 3.11 or newer is needed (PYTHON=... names another)"
    hash=$({ "$nexefax_python" --version && cat "$nexefax_source/pyproject.toml"; } | sha256sum | cut -c1-12)
    venv=$nexefax_cache/venv-$extra-$hash
    if [ -e "$venv/complete" ]; then
        return
    fi
    mkdir -p "$nexefax_cache" 2>/dev/null && [ -w "$nexefax_cache" ] || need_root "to make $venv"
    exec 8>"$nexefax_cache/.venv-$extra.lock"
    flock 8
    if [ ! -e "$venv/complete" ]; then
        say "making a virtual environment in $venv"
        rm -rf "$venv"
        "$nexefax_python" -m venv "$venv" || fail "python3 -m venv failed; is the package python3-venv installed?"
        # shellcheck disable=SC2046  # one requirement a line, without spaces
        "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --progress-bar off -q \
            $(requirements "$extra") ||
            fail "pip could not install the Python packages; what it said is above. pip reads its own settings" \
                "(PIP_INDEX_URL, /etc/pip.conf)."
        chmod -R a+rX "$venv"
        touch "$venv/complete"
    fi
    exec 8>&-
}

# requirements EXTRA: what pyproject.toml asks for, to build, to run and for the extra
requirements() {
    "$nexefax_python" - "$1" "$nexefax_source/pyproject.toml" <<'PYTHON'
import sys, tomllib

with open(sys.argv[2], "rb") as file:
    pyproject = tomllib.load(file)
project = pyproject["project"]
wanted = [*pyproject["build-system"]["requires"], *project["dependencies"], *project["optional-dependencies"][sys.argv[1]]]
print("\n".join(requirement.replace(" ", "") for requirement in wanted))
PYTHON
}

# make_user NAME PURPOSE: an ordinary user without a password
make_user() {
    getent passwd "$1" >/dev/null && return
    need_root "to add the user $1"
    say "adding the user $1, $2"
    useradd --system --user-group --create-home --home-dir "/var/lib/$1" --shell /usr/sbin/nologin "$1"
}

# become NAME: sets $as, which begins a command that runs as that user with a fresh environment. Without root it is whoever
# runs this.
become() {
    # shellcheck disable=SC2034  # for who sources this
    if [ "$(id -u)" = 0 ]; then
        as=(setpriv "--reuid=$1" "--regid=$(id -g "$1")" --init-groups /usr/bin/env -i "HOME=$(getent passwd "$1" | cut -d: -f6)")
    else
        as=(/usr/bin/env -i "HOME=$HOME")
    fi
}
