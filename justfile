# What one types here. `just` alone lists the recipes.

_default:
    @just --list --unsorted

# Format, lints, docs: all that needs no test run.
check:
    scripts/setup.sh
    cargo fmt --all --check
    cargo clippy --release --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps

# All tests, or those whose name contains FILTER.
test FILTER="":
    scripts/setup.sh
    cargo test --release --workspace {{FILTER}}

# What CI runs, with wall time per step.
ci:
    .ci/run

# Benchmarks and the quality table.
bench *ARGS:
    cargo bench -p nodeplan-benches {{ARGS}}

# Fuzz one target for SECONDS (needs a nightly toolchain and cargo-fuzz).
fuzz TARGET SECONDS="1800":
    mkdir -p fuzz/corpus/{{TARGET}}
    cargo +nightly fuzz run --fuzz-dir fuzz {{TARGET}} fuzz/corpus/{{TARGET}} fuzz/regressions/{{TARGET}} -- -max_total_time={{SECONDS}}

# Follow README in a fresh clone of HEAD.
fresh-clone:
    scripts/fresh_clone.sh
