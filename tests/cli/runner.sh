#!/bin/sh
# runner.sh PROGRAM TEST.sh FOLDER: run one test in a fresh FOLDER, which stays when the test fails.
set -eu
DIRTYWALK=$1
script=$2
folder=$3
LIB=$(dirname "$script")/lib.sh
export DIRTYWALK LIB
unset DIRTYWALK_BATCH_RECORDS
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"
sh -eu "$script"
cd ..
rm -rf "$folder"
