#!/bin/sh
# In a new environment of conda; the Snakefile says where this project is. Snakemake makes a new one where
# this file is another, and knows of no pins: those of the environment are
# 5d7ad23e47f8abd68b1e2157b359e691631f9f0eb2a1178639cf3d49b0aea933
set -eu
sh "$MASKPOLICY_PROJECT/envs/install.sh" python data,fairseq
