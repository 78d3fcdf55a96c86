#!/bin/sh
# The one way that this package is installed, with the versions of constraints.txt: by `make`, in the
# environments of conda and in containers.  usage: sh envs/install.sh PYTHON EXTRAS
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
"$1" -m pip install --quiet -c "$root/envs/constraints.txt" --editable "$root[$2]"
# fairseq goes in alone: its declared dependencies pull a torchaudio that breaks transformers.
"$1" -m pip install --quiet -c "$root/envs/constraints.txt" --no-deps ve-fairseq
