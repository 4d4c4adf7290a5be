#!/usr/bin/env bash
# Brings back what scripts/backup.sh saved. What is there now is replaced.
#
# Usage: scripts/restore.sh [--compose|--plain] DIR        DIR: one backup, DIR/YYYYMMDD_HHMMSS
#
#   --compose   into the volumes of docker-compose.yml, of which nothing may run: docker compose
#               --profile phone down (without -v) first. Default where it has containers.
#   --plain     into what these variables name; what they do not name is left as it is:
#               DATABASE_URL or DB_HOST DB_PORT DB_NAME DB_USER DB_PASSWORD: a server that runs,
#                                of whose database nobody else makes use; the user must be allowed
#                                to create databases
#               REDIS_DATA CHROMADB_DATA MUMBLE_DATA STATE_DIR PHONE_STATE_DIR: folders that
#                                nobody uses
#
# Whom the assistant has forgotten since then stays forgotten: the list of the forgotten in its
# folder is kept with the backup's, and applied at once where the program is at hand (the bot's
# container, PATH, target/release), else by the assistant at its start, before it remembers anything.
# A list that cannot be read is never taken for one of nobody: this fails then, and the assistant
# recalls nothing until it can be read.
#
# Nothing is touched before the whole backup was checked and nothing that it replaces is in use.
# Exit codes: 64 a wrong call, 65 the backup is damaged, 69 something is in use, missing or fails.
set -euo pipefail
# shellcheck source=scripts/kit.sh
. "$(dirname "$0")/kit.sh"
# shellcheck source=scripts/stack.sh
. "$(dirname "$0")/stack.sh"

# sysexits.h: the input is not what it should be.
EX_DATAERR=65

main() {
    read_options 'DIR' "$@"
    [ ${#GIVEN[@]} -eq 1 ] || wrong_call
    FROM=${GIVEN[0]%/}
    verify
    choose_where "$CHOSEN"
    umask 077
    SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/mumble-ai-restore.XXXXXX")
    trap 'rm -rf "$SCRATCH"' EXIT
    "refuse_what_runs_$WHERE"
    "restore_postgres_$WHERE"
    restore_redis
    restore_folder chroma chromadb-data "${CHROMADB_DATA:-}"
    restore_folder mumble mumble-data "${MUMBLE_DATA:-}"
    restore_folder assistant assistant-state "${STATE_DIR:-}"
    restore_folder phone phone-state "${PHONE_STATE_DIR:-}"
    [ ${#DONE[@]} -gt 0 ] || die "$EX_USAGE" "nothing was restored: no variable names a store (see --help)"
    "forget_again_$WHERE"
    say "restored: ${DONE[*]}, from $FROM"
}

DONE=()

# Every file that the list names, as it names it, and no other.
verify() {
    local bad="it is no whole backup and nothing was touched"
    [ -d "$FROM" ] || die "$EX_USAGE" "there is no folder $FROM"
    [[ $FROM != *.part ]] || die "$EX_DATAERR" "$FROM was broken off: $bad"
    [ -s "$FROM/MANIFEST" ] || die "$EX_DATAERR" "$FROM has no MANIFEST: $bad"
    local report
    report=$(cd "$FROM" && sha256sum --check --strict --quiet MANIFEST 2>&1) ||
        die "$EX_DATAERR" "$FROM: $(head -n 1 <<<"$report"): $bad"
    report=$(cd "$FROM" && comm -3 <(sed '/^#/d; s/^[0-9a-f]*  //' MANIFEST | sort) \
        <(find . -mindepth 1 ! -name MANIFEST -printf '%P\n' | sort) | tr -d '\t')
    [ -z "$report" ] || die "$EX_DATAERR" "$FROM: ${report//$'\n'/, } is not in the MANIFEST: $bad"
}

has() { [ -f "$FROM/$1" ]; }

# --- what runs is left alone ---------------------------------------------------------------

refuse_what_runs_compose() {
    local running profile=()
    running=$(compose --profile phone ps --services --status running | paste -sd ' ')
    [ -z "$running" ] ||
        die "$EX_UNAVAILABLE" "running: $running: end them first by docker compose --profile phone down (never with -v)"
    # Makes the images, the volumes and the containers where there are none yet.
    ! has phone.tar || profile=(--profile phone)
    compose "${profile[@]}" up --no-start >/dev/null || die "$EX_UNAVAILABLE" "the volumes cannot be made (see above)"
}

refuse_what_runs_plain() {
    local folder others
    for folder in "${REDIS_DATA:-}" "${CHROMADB_DATA:-}" "${MUMBLE_DATA:-}" "${STATE_DIR:-}" \
        "${PHONE_STATE_DIR:-}"; do
        if [ -d "$folder" ] && in_use "$folder"; then
            die "$EX_UNAVAILABLE" "a running process uses $folder: end it first"
        fi
    done
    if has postgres.dump && name_postgres; then
        plain_name
        have pg_restore || die "$EX_UNAVAILABLE" "postgres: pg_restore is needed; on Debian: apt-get install -y postgresql-client"
        others=$(aside "select count(*) from pg_stat_activity where datname = '$PGDATABASE'") ||
            die "$EX_UNAVAILABLE" "postgres: its server must run (see above)"
        [ "$others" -eq 0 ] ||
            die "$EX_UNAVAILABLE" "postgres: $others running process(es) use the database $PGDATABASE: end them first"
    fi
}

# --- Postgres ------------------------------------------------------------------------------

# The name becomes part of statements.
plain_name() {
    [[ $PGDATABASE =~ ^[A-Za-z0-9_-]+$ ]] ||
        die "$EX_USAGE" "postgres: the database's name can have letters, digits, _ and -: '$PGDATABASE'"
}

# aside STATEMENT [COMMAND PREFIX...]: asks from a database that is not the one to be replaced.
aside() { "${@:2}" env PGOPTIONS='-c client_min_messages=warning' \
    psql -X -A -t -q -w -v ON_ERROR_STOP=1 -d template1 -c "$1" </dev/null; }

restore_postgres_plain() {
    has postgres.dump || return 0
    if ! name_postgres; then
        say "postgres: no variable names it: it is left as it is"
    else
        swap_postgres
    fi
}

# A database beside the present one takes it all, or nothing; then the two change names.
swap_postgres() {
    local new=${PGDATABASE}_restoring old=${PGDATABASE}_replaced
    local as_it_was="postgres: it could not be restored, and is as it was (see above)"
    local statement
    for statement in "drop database if exists \"$new\"" "drop database if exists \"$old\"" \
        "create database \"$new\" template template0"; do
        aside "$statement" "$@" || die "$EX_UNAVAILABLE" "$as_it_was"
    done
    "$@" pg_restore --exit-on-error --no-owner --no-privileges --dbname="$new" \
        <"$FROM/postgres.dump" || die "$EX_UNAVAILABLE" "$as_it_was"
    # Both names change in one transaction, and only while nobody is connected.
    local rename="alter database \"$new\" rename to \"$PGDATABASE\"" present
    present=$(aside "select 1 from pg_database where datname = '$PGDATABASE'" "$@")
    [ -z "$present" ] || rename="alter database \"$PGDATABASE\" rename to \"$old\"; $rename"
    aside "$rename" "$@" || die "$EX_UNAVAILABLE" "$as_it_was"
    aside "drop database if exists \"$old\"" "$@" ||
        say "postgres: what was there before is still there as $old"
    DONE+=(postgres)
}

# Of all the stack, the database's server alone, and only meanwhile.
restore_postgres_compose() {
    has postgres.dump || return 0
    trap 'compose stop postgres >/dev/null 2>&1; rm -rf "$SCRATCH"' EXIT
    compose up -d --wait postgres >/dev/null 2>&1 ||
        die "$EX_UNAVAILABLE" "postgres: it does not start: docker compose logs postgres"
    PGDATABASE=$(compose exec -T postgres printenv POSTGRES_DB </dev/null)
    plain_name
    swap_postgres in_postgres
    compose stop postgres >/dev/null 2>&1
    trap 'rm -rf "$SCRATCH"' EXIT
}

in_postgres() {
    # shellcheck disable=SC2016 # the shell in the container expands them
    compose exec -T postgres sh -c 'PGUSER=$POSTGRES_USER exec "$@"' sh "$@"
}

# --- folders -------------------------------------------------------------------------------

# A Redis that keeps a log reads that alone at its start, one that does not reads the file alone:
# it is given both, the log beginning with the file.
restore_redis() {
    has redis.rdb || return 0
    local folder=$SCRATCH/redis
    mkdir -p "$folder/appendonlydir"
    cp "$FROM/redis.rdb" "$folder/dump.rdb"
    cp "$FROM/redis.rdb" "$folder/appendonlydir/appendonly.aof.1.base.rdb"
    : >"$folder/appendonlydir/appendonly.aof.1.incr.aof"
    printf 'file appendonly.aof.1.%s seq 1 type %s\n' base.rdb b incr.aof i \
        >"$folder/appendonlydir/appendonly.aof.manifest"
    # They are Redis' own, if it is another user; its container sees to that by itself.
    local owner=()
    [ ! -d "${REDIS_DATA:-}" ] || owner=(--owner="+$(stat -c %u "$REDIS_DATA")" --group="+$(stat -c %g "$REDIS_DATA")")
    tar -c "${owner[@]}" -C "$folder" . >"$SCRATCH/redis.tar"
    fill redis redis-data "${REDIS_DATA:-}" "$SCRATCH/redis.tar"
}

# restore_folder NAME VOLUME FOLDER
restore_folder() { ! has "$1.tar" || fill "$1" "$2" "$3" "$FROM/$1.tar"; }

# fill NAME VOLUME FOLDER TAR: puts what the tar holds in the place of what the volume, or without
# containers the folder, holds.
fill() {
    if [ "$WHERE" = compose ]; then
        with_volume "$2" sh -c "$REPLACE" sh /data <"$4"
    elif [ -z "$3" ]; then
        say "$1: no variable names it: it is left as it is"
        return
    else
        mkdir -p "$3" && sh -c "$REPLACE" sh "$3" <"$4"
    fi || die "$EX_UNAVAILABLE" "$1: it could not be restored: mend the cause (see above) and restore again"
    DONE+=("$1")
}

# Unpacked whole before anything is removed. As root, files go to whoever owned them. Of what is
# there now only the list of the forgotten is kept, with the lines that the backup has beside it;
# damaged lines of a journal are not brought back then, for nobody can tell whose words they hold.
# shellcheck disable=SC2016 # the inner shell expands them
REPLACE='set -eu
cd "$1"
rm -rf .restoring
mkdir .restoring
tar -x -p --numeric-owner -C .restoring
if [ -s memory/forgotten ]; then
    [ -d .restoring/memory ] || { mkdir -m 700 .restoring/memory && chown --reference=memory .restoring/memory; }
    touch .restoring/memory/forgotten
    awk "!seen[\$0]++" memory/forgotten .restoring/memory/forgotten >.restoring/forgotten
    chmod 600 .restoring/forgotten
    chown --reference=memory/forgotten .restoring/forgotten
    mv .restoring/forgotten .restoring/memory/forgotten
    rm -f .restoring/memory/journal.damaged
fi
find . -mindepth 1 -maxdepth 1 ! -name .restoring -exec rm -rf {} +
find .restoring -mindepth 1 -maxdepth 1 -exec mv {} . \;
rmdir .restoring'

# --- whom the assistant has forgotten --------------------------------------------------------

LATER="the assistant forgets again at its start whom it had forgotten since the backup"

forget_again_plain() {
    if [ -z "${STATE_DIR:-}" ]; then
        say "forgotten: STATE_DIR names no folder: $LATER"
        return
    fi
    [ -s "$STATE_DIR/memory/forgotten" ] || return 0
    local program
    program=$(command -v mumble-ai || command -v "$ROOT/target/release/mumble-ai") || {
        say "forgotten: there is no mumble-ai here: $LATER"
        return
    }
    local told status=0
    told=$("$program" memory apply-forgotten </dev/null 2>&1) || status=$?
    tell_forgotten "$status" "$told"
}

# tell_forgotten STATUS TOLD: what the program said, and how it ended.
tell_forgotten() {
    case $1 in
    0) say "forgotten: $2" ;;
    "$EX_UNAVAILABLE") say "forgotten: $2: $LATER" ;;
    *) die "$EX_UNAVAILABLE" "restored: ${DONE[*]}, but whom the assistant had forgotten may be" \
        "remembered again: $2" ;;
    esac
}

# The stores alone, and only meanwhile.
forget_again_compose() {
    # shellcheck disable=SC2016 # the inner shell expands it
    with_volume assistant-state sh -c '[ -s "$0/memory/forgotten" ]' /data </dev/null || return 0
    local stores=(postgres redis chromadb) told='the stores do not start' status=$EX_UNAVAILABLE
    trap 'compose stop "${stores[@]}" >/dev/null 2>&1; rm -rf "$SCRATCH"' EXIT
    if compose up -d --wait "${stores[@]}" >/dev/null 2>&1; then
        status=0
        told=$(compose run --rm --no-deps -T bot memory apply-forgotten </dev/null 2>&1) || status=$?
    fi
    compose stop "${stores[@]}" >/dev/null 2>&1
    trap 'rm -rf "$SCRATCH"' EXIT
    tell_forgotten "$status" "$told"
}

main "$@"
