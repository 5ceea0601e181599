#!/bin/sh
# Clips of speech with their transcripts: the prompts of Asterisk (CC-BY-SA 3.0), from two packages
# of Debian, which apt-get fetches without installing them.
#
#     sh workflow/scripts/speech.sh FOLDER        writes NAME.wav and NAME.txt of each prompt
set -eu
[ $# -eq 1 ] || { echo "usage: speech.sh FOLDER" >&2; exit 2; }
for program in apt-get dpkg-deb; do
    command -v "$program" > /dev/null ||
        { echo "speech.sh: no $program; the clips come from packages of Debian or Ubuntu" >&2; exit 2; }
done
folder=$(mkdir -p "$1" && cd "$1" && pwd)
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
cd "$temporary"
apt-get download asterisk-core-sounds-en-wav asterisk-core-sounds-en ||
    { echo "speech.sh: apt-get cannot fetch the clips; try apt-get update" >&2; exit 2; }
for package in asterisk-core-sounds-en*.deb; do dpkg-deb -x "$package" .; done

# a transcript is "NAME: text"; those with marks of sounds, or paths, are no plain speech
gunzip -c usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz |
    awk -F': ' -v folder="$folder" '!/^;/ && NF > 1 && !/[[<\/]/ {
        file = folder "/" $1 ".txt"; sub(/^[^:]*: */, ""); print > file; close(file)
    }'
for text in "$folder"/*.txt; do
    name=$(basename "$text" .txt)
    cp "usr/share/asterisk/sounds/en_US_f_Allison/$name.wav" "$folder" 2> /dev/null || rm "$text"
done
# longer than the 30 s that Whisper hears
for name in demo-congrats demo-instruct priv-callee-options; do rm -f "$folder/$name".*; done
