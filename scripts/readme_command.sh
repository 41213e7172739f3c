#!/usr/bin/env bash
# Prints one of README's commands: the fenced block under `<!-- command: NAME -->`.
# What README promises and what CI runs are the same text.
set -euo pipefail

name=${1:?usage: readme_command.sh plan|test}
readme=${2:-$(dirname "$0")/../README.md}

command=$(awk -v mark="<!-- command: $name -->" '
    $0 == mark { armed = 1; next }
    armed && /^```/ { if (inside) exit; inside = 1; next }
    inside { print }
' "$readme")

if [ -z "$command" ]; then
    echo "readme_command: README.md has no block marked \`$name\`" >&2
    exit 1
fi
printf '%s\n' "$command"
