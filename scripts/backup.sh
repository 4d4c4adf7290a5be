#!/usr/bin/env bash
# Saves what the stack remembers to DIR/YYYYMMDD_HHMMSS/, which scripts/restore.sh brings back.
#
# Usage: scripts/backup.sh [--compose|--plain] [DIR]        default DIR: backups
#
#   --compose   the volumes of docker-compose.yml (default where it has containers); postgres,
#               redis and mumble-server go on running, chromadb is stopped for a moment
#   --plain     what these variables name; what they do not name is left out:
#               DATABASE_URL or DB_HOST DB_PORT DB_NAME DB_USER DB_PASSWORD
#               REDIS_URL        a Redis of this machine: its file is read where it wrote it
#               CHROMADB_DATA    folder of Chroma, which must not run meanwhile; or
#                                CHROMADB_STOP and CHROMADB_START say how it is stopped and started
#               MUMBLE_DATA      folder of the Mumble server, which may run
#               STATE_DIR        folder of the assistant, which may run: who it is in Mumble, what it
#                                remembers where no server does, and whom it has forgotten; and
#                                who telephone callers are, where the phone line has the same one
#               PHONE_STATE_DIR  folder of a phone line that has one of its own
#
# It holds what people said and the assistant's key, so only you can read it. A backup that was
# broken off keeps a name that ends with .part. Models and voices can be fetched again and are
# not in it.
# Exit codes: 64 a wrong call, 69 something is missing or fails and the line before says what to do.
set -euo pipefail
# shellcheck source=scripts/kit.sh
. "$(dirname "$0")/kit.sh"
# shellcheck source=scripts/stack.sh
. "$(dirname "$0")/stack.sh"

# Redis writes half a gigabyte within seconds; this is for a disk that is busy.
SAVE_S=300
# How long Chroma may take to let go of its files.
STOP_S=60

main() {
    read_options '[DIR]' "$@"
    [ ${#GIVEN[@]} -le 1 ] || wrong_call
    local into=${GIVEN[0]:-backups}
    choose_where "$CHOSEN"
    umask 077
    mkdir -p "$into"
    DIR=$(cd "$into" && pwd)
    exec {LOCK}>"$DIR/.lock"
    flock -n "$LOCK" || die "$EX_UNAVAILABLE" "another backup into $DIR is running"
    # Two within a second would share a name.
    until name_part; do
        [ $SECONDS -lt 5 ] || die "$EX_UNAVAILABLE" "$DIR: no folder can be made there"
        sleep 0.2
    done

    LEFT_OUT=()
    # First: what waits in its journal may be in the database a moment later, and once in each is
    # better than in neither.
    save_folder assistant assistant-state "${STATE_DIR:-}"
    "save_postgres_$WHERE"
    "save_redis_$WHERE"
    "save_chroma_$WHERE"
    save_folder mumble mumble-data "${MUMBLE_DATA:-}"
    "save_phone_$WHERE"
    [ -n "$(ls "$PART")" ] || {
        rmdir "$PART"
        die "$EX_USAGE" "nothing to save: no variable names a store (see --help)"
    }
    seal
}

name_part() {
    PART=$DIR/$(date +%Y%m%d_%H%M%S).part
    [ ! -e "${PART%.part}" ] && mkdir "$PART" 2>/dev/null
}

# Lists what is there with its checksums, and gives the folder its name: from then on it is whole.
seal() {
    (
        cd "$PART"
        local sums
        sums=$(sha256sum -- *)
        {
            printf '# Mumble-AI backup of %s, taken from %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$WHERE"
            [ ${#LEFT_OUT[@]} -eq 0 ] || printf '# left out: %s\n' "${LEFT_OUT[*]}"
            printf '%s\n' "$sums"
        } >MANIFEST
        sync -- *
    )
    mv "$PART" "${PART%.part}"
    sync "$DIR"
    say "saved: ${PART%.part} ($(du -sh "${PART%.part}" | cut -f 1))${LEFT_OUT[*]:+, without ${LEFT_OUT[*]}}"
}

leave_out() {
    LEFT_OUT+=("$1")
    [ "$WHERE" = plain ] || say "$1: $2: it is left out"
}

# --- Postgres ------------------------------------------------------------------------------

save_postgres_plain() {
    name_postgres || { leave_out postgres && return; }
    have pg_dump || die "$EX_UNAVAILABLE" "postgres: pg_dump is needed; on Debian: apt-get install -y postgresql-client"
    save_postgres
}

save_postgres_compose() { save_postgres in_postgres; }

# One transaction sees the whole database as of one moment, while others go on writing.
save_postgres() {
    "$@" pg_dump --format=custom --no-password </dev/null >"$PART/postgres.dump" ||
        die "$EX_UNAVAILABLE" "postgres: it could not be saved (see above)"
}

# By the names that its container knows.
in_postgres() {
    # shellcheck disable=SC2016 # the shell in the container expands them
    compose exec -T postgres sh -c 'PGUSER=$POSTGRES_USER PGDATABASE=$POSTGRES_DB exec "$@"' sh "$@"
}

# --- Redis ---------------------------------------------------------------------------------

save_redis_plain() {
    [ -n "${REDIS_URL:-}" ] || { leave_out redis && return; }
    have redis-cli || die "$EX_UNAVAILABLE" "redis: redis-cli is needed; on Debian: apt-get install -y redis-tools"
    REDIS=(redis_cli)
    write_redis
    local file
    file=$(redis_says config get dir | tail -n 1)/$(redis_says config get dbfilename | tail -n 1)
    keep_redis cat "$file"
}

# The password in the address stays out of the list of processes.
redis_cli() {
    local rest=${REDIS_URL#*://} login=() at
    if [[ $rest == *@* ]]; then
        at=${rest%@*} rest=${rest##*@}
        REDISCLI_AUTH=$(python3 -c \
            'import sys, urllib.parse; print(urllib.parse.unquote(sys.stdin.read().strip()))' <<<"${at#*:}")
        export REDISCLI_AUTH
        [ -z "${at%%:*}" ] || login=(--user "${at%%:*}")
    fi
    redis-cli -u "redis://$rest" "${login[@]}" "$@"
}

save_redis_compose() {
    REDIS=(compose exec -T redis redis-cli)
    write_redis
    keep_redis compose exec -T redis cat /data/dump.rdb
}

redis_says() { "${REDIS[@]}" "$@" </dev/null | tr -d '\r'; }

# Makes Redis write all that it holds as of one moment, and waits until that is on disk.
write_redis() {
    local deadline=$((SECONDS + SAVE_S)) answer info
    until answer=$(redis_says bgsave 2>&1) && [[ $answer == "Background saving started"* ]]; do
        # Another save, or a rewriting of its log, is under way.
        if [ $SECONDS -ge $deadline ] || [[ ! $answer =~ "in progress"|"active child" ]]; then
            die "$EX_UNAVAILABLE" "redis: it does not save: ${answer:-no answer}"
        fi
        sleep 0.2
    done
    until info=$(redis_says info persistence) && [[ $info == *rdb_bgsave_in_progress:0* ]]; do
        [ $SECONDS -lt $deadline ] || die "$EX_UNAVAILABLE" "redis: it is still saving after $SAVE_S s"
        sleep 0.2
    done
    [[ $info == *rdb_last_bgsave_status:ok* ]] ||
        die "$EX_UNAVAILABLE" "redis: it could not save; is there room on its disk?"
}

keep_redis() {
    if ! "$@" >"$PART/redis.rdb" || [ "$(head -c 5 "$PART/redis.rdb")" != REDIS ]; then
        die "$EX_UNAVAILABLE" \
            "redis: what it saved cannot be read; be root or its user, on the machine that it runs on"
    fi
}

# --- Chroma --------------------------------------------------------------------------------

save_chroma_plain() {
    [ -n "${CHROMADB_DATA:-}" ] || { leave_out chroma && return; }
    if in_use "$CHROMADB_DATA"; then
        if [ -z "${CHROMADB_STOP:-}" ] || [ -z "${CHROMADB_START:-}" ]; then
            die "$EX_UNAVAILABLE" "chroma: a process uses $CHROMADB_DATA: stop it, or set" \
                "CHROMADB_STOP and CHROMADB_START"
        fi
        trap 'start_chroma' EXIT
        sh -c "$CHROMADB_STOP" {LOCK}>&- || die "$EX_UNAVAILABLE" "chroma: CHROMADB_STOP failed"
        local deadline=$((SECONDS + STOP_S))
        while in_use "$CHROMADB_DATA"; do
            [ $SECONDS -lt $deadline ] || die "$EX_UNAVAILABLE" "chroma: it still runs after CHROMADB_STOP"
            sleep 0.2
        done
    fi
    save_folder chroma chromadb-data "$CHROMADB_DATA"
    [ -z "$(trap -p EXIT)" ] || { trap - EXIT && start_chroma; }
}

start_chroma() { sh -c "$CHROMADB_START" {LOCK}>&- || say "chroma: CHROMADB_START failed: start it" >&2; }

# Its index and its database belong together, and only a stopped server leaves them alone.
save_chroma_compose() {
    local ran
    ran=$(compose ps -q --status running chromadb)
    if [ -n "$ran" ]; then
        trap 'compose start chromadb >/dev/null 2>&1' EXIT
        compose stop chromadb >/dev/null 2>&1
    fi
    save_folder chroma chromadb-data ''
    [ -z "$ran" ] || { trap - EXIT && compose start chromadb >/dev/null 2>&1; }
}

# --- the phone line ------------------------------------------------------------------------

save_phone_plain() {
    [ -z "${PHONE_STATE_DIR:-}" ] || save_folder phone phone-state "$PHONE_STATE_DIR"
}

# Its volume is there when the profile was in use.
save_phone_compose() {
    [ -z "$(volume phone-state)" ] || save_folder phone phone-state ''
}

# --- folders -------------------------------------------------------------------------------

# save_folder NAME VOLUME FOLDER: saves the volume, or without containers the folder.
save_folder() {
    local name=$1 failed="$1: it could not be saved (see above)"
    if [ "$WHERE" = compose ]; then
        with_volume "$2" python3 - /data <"$SCRIPTS/snapshot.py" >"$PART/$name.tar" ||
            die "$EX_UNAVAILABLE" "$failed"
    elif [ -z "$3" ]; then
        leave_out "$name"
    else
        [ -d "$3" ] || die "$EX_UNAVAILABLE" "$name: there is no folder $3"
        python3 "$SCRIPTS/snapshot.py" "$3" >"$PART/$name.tar" || die "$EX_UNAVAILABLE" "$failed"
    fi
}

main "$@"
