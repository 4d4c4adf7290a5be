#!/usr/bin/env bash
# Tries the Dockerfiles without a container engine: every RUN line, in a Debian made for it.
#
# Usage: docker/try.sh [DOCKERFILE...]       default: Dockerfile and those in docker/ whose base is
#                                            Debian or the Rust image (as root; 10 minutes, 3 GB)
#
# Each stage begins as a copy of a fresh Debian of the base's release; for a Rust base, with the
# toolchain of this machine, which must be the named one. ENV, ARG, WORKDIR, USER and COPY are
# applied as they come, COPY without what .dockerignore names; `--mount` is left out. What this
# machine needs to reach its packages (mirror, certificates, pip's settings) is lent to the tree
# while a line runs, and is not part of it.
#
# At the end of each file, ENTRYPOINT is asked for by name. Prints `ok` or `FAILED` for each line.
# Environment: TRY (default a temporary folder that is removed; a named one is kept).
# Exit codes: 0 every line works, 1 one does not, 64 a wrong call, 69 something is missing.
set -euo pipefail
# shellcheck source=scripts/kit.sh
. "$(dirname "$0")/../scripts/kit.sh"
ROOT=$SCRIPTS/..

main() {
    [ "$(id -u)" -eq 0 ] || die "$EX_UNAVAILABLE" "a tree of its own needs root"
    have mmdebstrap || die "$EX_UNAVAILABLE" "mmdebstrap is needed: apt-get install -y mmdebstrap"
    [ $# -gt 0 ] || set -- "$ROOT/Dockerfile" "$ROOT/docker/faster-whisper/Dockerfile" "$ROOT/docker/piper/Dockerfile"
    WORK=${TRY:-}
    if [ -z "$WORK" ]; then
        WORK=$(mktemp -d "${TMPDIR:-/tmp}/mumble-ai-try.XXXXXX")
        trap 'take_back; rm -rf --one-file-system "$WORK"' EXIT
    else
        trap take_back EXIT
    fi
    trap 'exit 130' INT TERM HUP
    mkdir -p "$WORK"
    local file
    FAILED=0 TREE=$WORK/none
    for file in "$@"; do
        [ -f "$file" ] || die "$EX_USAGE" "there is no $file"
        try_file "$(realpath "$file")"
    done
    [ $FAILED -eq 0 ] || { say "$FAILED line(s) failed" && exit 1; }
    say "every line works"
}

# --- trees ---------------------------------------------------------------------------------

# base SUITE: a small Debian, made once.
base() {
    local tree=$WORK/$1
    [ ! -d "$tree" ] || return 0
    local mirror
    # shellcheck disable=SC2016 # apt-get expands it
    mirror=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk '$1 == "Debian" && $2 !~ /security/ { print $2; exit }')
    (step "Debian $1" mmdebstrap --variant=apt --mode=root "$1" "$tree.part" \
        "${mirror:-http://deb.debian.org/debian}")
    # As small as the slim image: no lists, no manuals for what is installed later.
    rm -rf "$tree.part/var/lib/apt/lists"/* "$tree.part/etc/resolv.conf"
    mv "$tree.part" "$tree"
}

# stage NAME IMAGE: lays a new tree for a stage.
stage() {
    local suite=bookworm image=$2 version
    case $image in
    debian:12* | *bookworm*) ;;
    debian:13* | *trixie*) suite=trixie ;;
    *) return 1 ;;
    esac
    base "$suite"
    TREE=$WORK/stage-$1
    rm -rf --one-file-system "$TREE"
    cp -a "$WORK/$suite" "$TREE"
    ENVIRONMENT=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root)
    USER_OF=root WORKDIR=/
    case $image in rust:*)
        version=${image#rust:}
        version=${version%%-*}
        [[ $(rustc --version 2>/dev/null) == "rustc $version "* ]] ||
            die "$EX_UNAVAILABLE" "this machine has no Rust $version to lend"
        mkdir -p "$TREE/usr/local/rust"
        cp -a "$(rustc --print sysroot)/." "$TREE/usr/local/rust/"
        ENVIRONMENT=(PATH=/usr/local/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
            HOME=/root CARGO_HOME=/usr/local/cargo)
        # The image brings a C compiler along.
        lend && in_tree root / apt-get -q update >>"$WORK/log" 2>&1 &&
            in_tree root / apt-get -q install -y --no-install-recommends gcc libc6-dev >>"$WORK/log" 2>&1
        take_back
        ;;
    esac
}

# What this machine needs to reach its package registries, while a line runs.
LENT=()
lend() {
    local file
    for file in /etc/resolv.conf /etc/hosts /etc/pip.conf "$HOME/.config/pip/pip.conf" \
        "$HOME/.cargo/config.toml" "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}"; do
        if [ -f "$file" ] && [ ! -e "$TREE/$file" ]; then
            mkdir -p "$TREE/$(dirname "$file")"
            cp -L "$file" "$TREE/$file"
            LENT+=("$TREE/$file")
        fi
    done
    # Of the host's folders, none is mounted: what goes wrong in the tree stays in the tree.
    mount -t proc proc "$TREE/proc"
}
take_back() {
    umount -l "$TREE/proc" 2>/dev/null || true
    [ ${#LENT[@]} -eq 0 ] || rm -f "${LENT[@]}"
    LENT=()
}

# in_tree USER FOLDER COMMAND...
in_tree() {
    local user=$1 folder=$2 name lent=()
    shift 2
    for name in SSL_CERT_FILE PIP_CERT PIP_INDEX_URL PIP_EXTRA_INDEX_URL CARGO_HTTP_CAINFO \
        CARGO_NET_OFFLINE CARGO_BUILD_JOBS http_proxy https_proxy no_proxy; do
        [ -z "${!name:-}" ] || lent+=("$name=${!name}")
    done
    # shellcheck disable=SC2016 # the inner shell expands them
    chroot --userspec="$user" "$TREE" env -i "${lent[@]}" "${ENVIRONMENT[@]}" \
        sh -c 'cd "$0" && exec "$@"' "$folder" "$@" </dev/null
}

# --- Dockerfiles ---------------------------------------------------------------------------

try_file() {
    local file=$1 line rest number=0
    CONTEXT=$(dirname "$file")
    say "${file#"$(realpath "$ROOT")"/}"
    while IFS= read -r line; do
        rest=${line#* }
        # shellcheck disable=SC2001,SC2016 # patterns; and the image's PATH, not ours
        case $line in
        FROM\ *)
            number=$((number + 1))
            if ! stage "$(sed -n 's/.* AS //p' <<<"$line" | grep . || echo "$number")" "${rest%% *}"; then
                say "  left out: ${rest%% *} cannot be had without an engine"
                return
            fi
            ;;
        RUN\ *) run_line "$(sed 's/--mount=[^ ]* *//g' <<<"$rest")" ;;
        COPY\ *) copy_line "$rest" ;;
        ENV\ *) eval "ENVIRONMENT+=($(sed 's|\$PATH|'"$(path_of)"'|' <<<"$rest"))" ;;
        ARG\ *=*) ENVIRONMENT+=("$rest") ;;
        WORKDIR\ *) WORKDIR=$rest && mkdir -p "$TREE$rest" ;;
        USER\ *) USER_OF=$rest ;;
        ENTRYPOINT\ *) entry_line "$rest" ;;
        esac
    done < <(joined "$file")
}

# The instructions of a Dockerfile, one a line, without its comments.
joined() { sed '/^#/d; /^$/d' "$1" | sed -e ':a' -e '/\\$/{N; s/ *\\\n */ /; ba' -e '}'; }

path_of() {
    local entry path=
    for entry in "${ENVIRONMENT[@]}"; do [[ $entry != PATH=* ]] || path=${entry#PATH=}; done
    printf '%s' "$path"
}

report() {
    local state=$1 what=$2
    [ "$state" = ok ] || FAILED=$((FAILED + 1))
    printf '  %-6s  %4d s  %s\n' "$state" "$3" "$(cut -c 1-100 <<<"$what")"
    [ "$state" = ok ] || tail -n 15 "$WORK/log" | sed 's/^/      /'
}

run_line() {
    local started=$SECONDS state=ok
    lend
    in_tree "$USER_OF" "$WORKDIR" sh -c "$1" >"$WORK/log" 2>&1 || state=FAILED
    take_back
    report $state "RUN $1" $((SECONDS - started))
}

# From the context without what .dockerignore names, or from another stage.
copy_line() {
    local words from=$CONTEXT mode=
    read -r -a words <<<"$1"
    local options=()
    while [[ ${words[0]} == --* ]]; do
        case ${words[0]} in
        --from=*) from=$WORK/stage-${words[0]#--from=} ;;
        --chmod=*) mode=${words[0]#--chmod=} ;;
        esac
        words=("${words[@]:1}")
    done
    local to=${words[-1]} state=ok
    [[ $to == /* ]] || to=$WORKDIR/$to
    if [ "$from" = "$CONTEXT" ] && [ -f "$CONTEXT/.dockerignore" ]; then
        while IFS= read -r line; do
            case $line in '' | \#*) ;; *) options+=("--exclude=./$line") ;; esac
        done <"$CONTEXT/.dockerignore"
    fi
    if [ "${words[0]}" = . ]; then
        mkdir -p "$TREE/$to"
        tar -c -C "$from" --no-wildcards-match-slash --wildcards "${options[@]}" . | tar -x -C "$TREE/$to" || state=FAILED
    else
        install -D "$from/${words[0]}" "$TREE/$to" && { [ -z "$mode" ] || chmod "$mode" "$TREE/$to"; } || state=FAILED
    fi
    report $state "COPY $1" 0
}

# Whether what the container starts is there, for the user that it is started as.
entry_line() {
    local program state=ok
    # shellcheck disable=SC2001 # a pattern is needed
    program=$(sed 's/^\["\([^"]*\)".*/\1/' <<<"$1")
    # shellcheck disable=SC2016 # the inner shell expands it
    in_tree "$USER_OF" "$WORKDIR" sh -c 'command -v "$0"' "$program" >"$WORK/log" 2>&1 || state=FAILED
    report $state "ENTRYPOINT $1, as $USER_OF" 0
}

main "$@"
