#!/bin/bash
# Installs cxrview on a machine without a network.
#
#   wheelhouse.sh pack CHECKOUT wheelhouse.tar    # on a machine with a network
#   wheelhouse.sh install wheelhouse.tar VENV     # on the other one, with the same Python and system
#
# EXTRAS=parquet,evaluate also packs or installs extras.
set -euo pipefail

extras=${EXTRAS:+[$EXTRAS]}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

case $1 in
pack)
    python3 -m pip wheel --quiet --wheel-dir "$folder" "$2$extras"
    tar -cf "$3" -C "$folder" .
    ;;
install)
    tar -xf "$2" -C "$folder"
    python3 -m venv "$3"
    "$3/bin/python" -m pip install --quiet --no-index --find-links "$folder" "cxrview$extras"
    "$3/bin/cxrview" --version
    ;;
*)
    echo "usage: wheelhouse.sh pack CHECKOUT FILE.tar | install FILE.tar VENV" >&2
    exit 2
    ;;
esac
