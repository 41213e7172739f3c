#!/usr/bin/env bash
# Makes sure that what the HiGHS build needs is here: cmake, make, a C++ compiler and libclang
# with its headers. Silent where nothing is missing. Installs what is missing where it may
# (root on Debian or Ubuntu); else says which command to run, and changes nothing.
set -euo pipefail

packages=(build-essential cmake libclang-dev)

has() { command -v "$1" >/dev/null 2>&1; }

# The places in which the bindings generator looks for libclang.
libclang_here() {
    local directories=(/usr/lib/llvm-*/lib /usr/lib/*-linux-gnu* /usr/lib /usr/lib64
        /usr/local/lib /usr/local/lib64 /usr/local/llvm*/lib)
    if [ -n "${LIBCLANG_PATH:-}" ]; then
        directories=("$LIBCLANG_PATH" "$(dirname "$LIBCLANG_PATH")")
    elif has "${LLVM_CONFIG_PATH:-llvm-config}"; then
        directories+=("$("${LLVM_CONFIG_PATH:-llvm-config}" --libdir)")
    fi
    local directory
    for directory in "${directories[@]}"; do
        if compgen -G "$directory/libclang.so*" >/dev/null ||
            compgen -G "$directory/libclang-[0-9]*.so*" >/dev/null; then
            return 0
        fi
    done
    [ -z "${LIBCLANG_PATH:-}" ] && has ldconfig && ldconfig -p | grep -Eq 'libclang(-[0-9]+)?\.so'
}

# libclang alone does not know `stddef.h`; its headers come in a package of their own.
headers_here() {
    [ -n "${BINDGEN_EXTRA_CLANG_ARGS:-}" ] ||
        compgen -G '/usr/lib/llvm-*/lib/clang/*/include/stddef.h' >/dev/null ||
        compgen -G '/usr/lib*/clang/*/include/stddef.h' >/dev/null ||
        compgen -G '/usr/local/*/lib/clang/*/include/stddef.h' >/dev/null ||
        compgen -G '/usr/local/lib/clang/*/include/stddef.h' >/dev/null
}

missing=()
find_missing() {
    missing=()
    has cmake || missing+=("cmake")
    has make || missing+=("make")
    has c++ || has g++ || has clang++ || missing+=("a C++ compiler")
    libclang_here || missing+=("libclang")
    headers_here || missing+=("the clang headers")
}

say_missing() {
    local IFS=,
    echo "setup: missing: ${missing[*]}" | sed 's/,/, /g' >&2
}

if ! has cargo; then
    echo "setup: cargo is missing; install Rust 1.90 or newer (https://rustup.rs), then run this again" >&2
    exit 1
fi

find_missing
[ ${#missing[@]} -eq 0 ] && exit 0
say_missing

if [ "$(id -u)" -eq 0 ] && has apt-get; then
    echo "setup: apt-get update -qq && apt-get install -y ${packages[*]}" >&2
    export DEBIAN_FRONTEND=noninteractive
    {
        apt-get update -qq
        apt-get install -y -qq "${packages[@]}"
    } >&2
    find_missing
    [ ${#missing[@]} -eq 0 ] && exit 0
    say_missing
    echo "setup: still missing after the installation" >&2
    exit 1
fi

cat >&2 <<'END'
setup: please run, then try again:

    sudo apt-get update && sudo apt-get install -y build-essential cmake libclang-dev

Without root, and with a C++ compiler and make at hand, the rest can come from PyPI:

    python3 -m venv target/venv
    target/venv/bin/pip install cmake libclang
    export PATH="$PWD/target/venv/bin:$PATH"
    export LIBCLANG_PATH="$(echo "$PWD"/target/venv/lib/python3*/site-packages/clang/native)"
    export BINDGEN_EXTRA_CLANG_ARGS="-I$(c++ -print-file-name=include)"
END
exit 1
