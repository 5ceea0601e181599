#!/bin/sh
# Clips of speech with their transcripts: the prompts of Asterisk (CC-BY-SA 3.0), from two packages
# of Debian, which apt-get fetches without installing them.
#
#     sh workflow/scripts/speech.sh FOLDER        writes NAME.wav and NAME.txt of each prompt
#
# speech.sha256 beside this file has the sums of version 1.6.1-1; what is otherwise is refused.
set -eu
LC_ALL=C # order of names
export LC_ALL
[ $# -eq 1 ] || { echo "usage: speech.sh FOLDER" >&2; exit 2; }
for program in apt-get dpkg-deb; do
    command -v "$program" > /dev/null ||
        { echo "speech.sh: no $program; the clips come from packages of Debian or Ubuntu" >&2; exit 2; }
done
folder=$(mkdir -p "$1" && cd "$1" && pwd)
sums=$(cd "$(dirname "$0")" && pwd)/speech.sha256
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
clips=$temporary/clips
mkdir "$clips"
cd "$temporary"
apt-get download asterisk-core-sounds-en-wav asterisk-core-sounds-en ||
    { echo "speech.sh: apt-get cannot fetch the clips; try apt-get update" >&2; exit 2; }
for package in asterisk-core-sounds-en*.deb; do dpkg-deb -x "$package" .; done

# a transcript is "NAME: text"; those with marks of sounds, or paths, are no plain speech
gunzip -c usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz |
    awk -F': ' -v clips="$clips" '!/^;/ && NF > 1 && !/[[<\/]/ {
        file = clips "/" $1 ".txt"; sub(/^[^:]*: */, ""); print > file; close(file)
    }'
for text in "$clips"/*.txt; do
    name=$(basename "$text" .txt)
    cp "usr/share/asterisk/sounds/en_US_f_Allison/$name.wav" "$clips" 2> /dev/null || rm "$text"
done
# longer than the 30 s that Whisper hears
for name in demo-congrats demo-instruct priv-callee-options; do rm -f "$clips/$name".*; done

cd "$clips"
other=$(sha256sum -- * | diff "$sums" - | sed -n 's/^[<>].*  //p' | head -n 1)
[ -z "$other" ] ||
    { echo "speech.sh: $other is not that of asterisk-core-sounds-en 1.6.1-1 (sha256)" >&2; exit 2; }
cp -- * "$folder"
