#!/usr/bin/env bash
# Stands in for `docker` in a test of backup.sh and restore.sh: what they ask of an engine is done
# with servers and folders of this machine, and written down.
#
# Environment: SCRIPTED_VOLUMES, a folder with one folder for each volume; SCRIPTED_RUNNING, a file
# with the services that run; SCRIPTED_LOG; POSTGRES_PORT and REDIS_PORT, where the stores are.
set -euo pipefail
printf '%s\n' "$*" >>"$SCRIPTED_LOG"
running() { grep -qx "$1" "$SCRIPTED_RUNNING"; }

case $1 in
volume) # volume ls -q --filter PROJECT --filter label=...volume=NAME
    [ ! -d "$SCRIPTED_VOLUMES/${7##*=}" ] || echo "${7##*=}"
    exit
    ;;
run) # run --rm -i --user 0 --network none --entrypoint PROGRAM -v VOLUME:/data IMAGE ARGUMENTS
    program=$9 at=$SCRIPTED_VOLUMES/${11%:/data}
    shift 12
    for word in "$@"; do
        shift
        [ "$word" != /data ] || word=$at
        set -- "$@" "$word"
    done
    exec "$program" "$@"
    ;;
esac

# compose --project-directory FOLDER -f FILE [--profile phone] COMMAND
[ "$1" = compose ]
shift 5
[ "$1" != --profile ] || shift 2
case "$*" in
"exec -T postgres "*)
    running postgres
    export POSTGRES_USER=postgres POSTGRES_DB=mumble_ai PGHOST=127.0.0.1 PGPORT=$POSTGRES_PORT
    exec "${@:4}"
    ;;
"exec -T redis redis-cli "*) running redis && exec redis-cli -p "$REDIS_PORT" "${@:5}" ;;
"exec -T redis cat /data/"*) running redis && exec cat "$SCRIPTED_VOLUMES/redis-data/${5#/data/}" ;;
"ps -aq") cat "$SCRIPTED_RUNNING" ;;
"ps -q --status running "*) grep -x "$5" "$SCRIPTED_RUNNING" || true ;;
"ps --services --status running") cat "$SCRIPTED_RUNNING" ;;
"config --images piper") echo the-image-of-piper ;;
"stop "*) for service in "${@:2}"; do sed -i "/^$service\$/d" "$SCRIPTED_RUNNING"; done ;;
"start "*) echo "$2" >>"$SCRIPTED_RUNNING" ;;
"up -d --wait "*) printf '%s\n' "${@:4}" >>"$SCRIPTED_RUNNING" ;;
"run --rm --no-deps -T bot "*) running postgres && echo "the bot was run: ${*:6}" ;;
version | "up --no-start") ;;
*) echo "scripted docker: what is '$*'?" >&2 && exit 1 ;;
esac
