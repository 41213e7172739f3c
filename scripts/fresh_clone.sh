#!/usr/bin/env bash
# Does what a newcomer does: clones HEAD into an empty directory and follows README to the
# letter. Prints what its commands print; fails where one of them fails.
set -euo pipefail

repository=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

git clone --quiet --no-local "$repository" "$directory/nodeplan"
cd "$directory/nodeplan"
# The clone builds from nothing, whatever the caller's shell says.
unset CARGO_TARGET_DIR CARGO_BUILD_TARGET_DIR

for name in plan test; do
    command=$(scripts/readme_command.sh "$name")
    printf '\n$ %s\n' "$command"
    started=$SECONDS
    bash -c "$command"
    printf '\n(%s: %d s)\n' "$name" $((SECONDS - started))
done
