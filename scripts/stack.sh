# shellcheck shell=bash
# Sourced by health-check.sh, backup.sh and restore.sh: the stack, in containers or without.
#
# Usage: . "$(dirname "$0")/stack.sh", after kit.sh
#
# WHERE is `compose` for the containers of docker-compose.yml and `plain` for servers and folders
# that variables name.

ROOT=$SCRIPTS/..

compose() { docker compose --project-directory "$ROOT" -f "$ROOT/docker-compose.yml" "$@"; }

# Whether this machine has containers of the stack, running or not.
has_containers() { have docker && [ -n "$(compose ps -aq 2>/dev/null)" ]; }

# read_options SYNOPSIS ARGUMENTS...: sets CHOSEN to what `--compose` or `--plain` says, and GIVEN to
# the arguments behind it; --help is answered here.
# shellcheck disable=SC2034 # whoever sources this reads them
read_options() {
    SYNOPSIS="usage: scripts/$SCRIPT.sh [--compose|--plain]${1:+ $1}"
    CHOSEN=
    case ${2:-} in
    -h | --help) usage && exit 0 ;;
    --compose | --plain) CHOSEN=${2#--} && set -- "$1" "${@:3}" ;;
    esac
    GIVEN=("${@:2}")
    [[ ${GIVEN[0]:-} != -* ]] || wrong_call
}

wrong_call() { die "$EX_USAGE" "$SYNOPSIS"; }

# choose_where [compose|plain]: sets WHERE; by default to where something is.
choose_where() {
    WHERE=${1:-}
    if [ -z "$WHERE" ]; then
        if has_containers; then WHERE=compose; else WHERE=plain; fi
    fi
    [ "$WHERE" = plain ] || compose version >/dev/null 2>&1 ||
        die "$EX_UNAVAILABLE" "docker with its compose plug-in is needed for --compose"
}

# Prints the comment at the top of the script.
usage() { sed -n '2,${/^#/!q; s/^# \{0,1\}//; p}' "$0"; }

# with_volume NAME COMMAND...: runs a command of the Piper image with this volume at /data. The
# image has Python and tar, and is there wherever the stack is.
with_volume() {
    local name
    name=$(volume "$1")
    [ -n "$name" ] || die "$EX_UNAVAILABLE" "there is no volume $1: docker compose up --no-start makes it"
    docker run --rm -i --user 0 --network none --entrypoint "$2" -v "$name:/data" \
        "$(compose config --images piper | head -n 1)" "${@:3}"
}

# volume NAME: what the engine calls this volume of the stack; nothing where there is none.
volume() {
    docker volume ls -q --filter label=com.docker.compose.project=mumble-ai \
        --filter "label=com.docker.compose.volume=$1" | head -n 1
}

# in_use FOLDER: whether a process works in it or holds a file of it open. Of other users'
# processes only root sees that.
in_use() {
    local folder
    folder=$(realpath "$1")
    { find /proc/[0-9]*/cwd /proc/[0-9]*/fd -maxdepth 1 -type l -printf '%l\n' 2>/dev/null || true; } |
        FOLDER=$folder awk '
            $0 == ENVIRON["FOLDER"] || index($0, ENVIRON["FOLDER"] "/") == 1 { found = 1 }
            END { exit !found }'
}

# Sets what Postgres' own programs read, from DATABASE_URL or DB_HOST and the others; fails when no
# database is named. The password stays out of the list of processes.
name_postgres() {
    if [ -n "${DATABASE_URL:-}" ]; then
        eval "$(export DATABASE_URL && python3 - <<'PY'
import os, shlex, urllib.parse
at = urllib.parse.urlsplit(os.environ["DATABASE_URL"])
named = {"PGHOST": at.hostname, "PGPORT": at.port or 5432, "PGUSER": at.username,
         "PGPASSWORD": at.password, "PGDATABASE": at.path.lstrip("/")}
for name, value in named.items():
    if value:
        print("export %s=%s" % (name, shlex.quote(urllib.parse.unquote(str(value)))))
PY
        )"
    elif [ -n "${DB_HOST:-}" ]; then
        export PGHOST=$DB_HOST PGPORT=${DB_PORT:-5432} PGDATABASE=${DB_NAME:-mumble_ai} \
            PGUSER=${DB_USER:-mumbleai} PGPASSWORD=${DB_PASSWORD:-}
    else
        return 1
    fi
    export PGDATABASE=${PGDATABASE:-mumble_ai} PGCONNECT_TIMEOUT=5 PGAPPNAME=mumble-ai-$SCRIPT
}
