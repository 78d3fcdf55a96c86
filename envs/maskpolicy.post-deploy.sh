#!/bin/sh
# In a new environment of conda; the Snakefile says where this project is. Snakemake makes a new one where
# this file is another, and knows of no pins: those of the environment are
# 58a3ceecfc726d5c9c12a9aa7e810da71d659a9bde8379da4ceadb5d3196c99e
set -eu
sh "$MASKPOLICY_PROJECT/envs/install.sh" python data,fairseq
