#!/bin/sh
# In a new environment of conda; the Snakefile says where this project is.
set -eu
sh "$MASKPOLICY_PROJECT/envs/install.sh" python data,fairseq
