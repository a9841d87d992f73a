#!/usr/bin/env bash
# Draws the icons that are committed: run it after changing the drawing below.
# Debian: librsvg2-bin icoutils
set -euo pipefail
cd "$(dirname "$0")/.."

house='M11.35 5.72l-5.6 4.63A2.1 2.1 0 0 0 5 11.97V17a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2v-5.03a2.1 2.1 0 0 0-.76-1.62l-5.6-4.63a1.02 1.02 0 0 0-1.29 0Z'

# The house is white, so that the mark is the same on light and dark panels.
base() { # COLOUR
  echo "<path fill='$1' d='M7 1h10a6 6 0 0 1 6 6v10a6 6 0 0 1-6 6H7a6 6 0 0 1-6-6V7a6 6 0 0 1 6-6Z'/><path fill='#fff' d='$house'/><circle cx='12' cy='13.5' r='3.1' fill='$1'/>"
}
svg() { echo "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'>$1</svg>"; }

# Shape and colour together, as in the page: a disc is reachable, a ring with a
# core a relay, a ring "on this PC only", a bar offline.
badge() { # CONTENT: cut out of the mark, then drawn
  echo "<mask id='m'><rect width='24' height='24' fill='#fff'/><circle cx='18' cy='18' r='7' fill='#000'/></mask>"
}
teal='#0c8478' grey='#8a9597' green='#2aa256' blue='#4a84e6' red='#c8332a' amber='#d98a0b'
with() { echo "$(badge)<g mask='url(#m)'>$(base "$1")</g>$2"; }

draw() {
  case $1 in
  app) base $teal ;;
  starting) with $teal "<g fill='$amber'><circle cx='14.2' cy='18' r='1.7'/><circle cx='18' cy='18' r='1.7'/><circle cx='21.8' cy='18' r='1.7'/></g>" ;;
  direct) with $teal "<circle cx='18' cy='18' r='5.4' fill='$green'/>" ;;
  router) with $teal "<circle cx='18' cy='18' r='5.4' fill='$green'/><path d='M15.2 19.6 18 16.4l2.8 3.2' fill='none' stroke='#fff' stroke-width='1.7' stroke-linecap='round' stroke-linejoin='round'/>" ;;
  relay) with $teal "<circle cx='18' cy='18' r='4.6' fill='none' stroke='$blue' stroke-width='1.9'/><circle cx='18' cy='18' r='2' fill='$blue'/>" ;;
  local) with $teal "<circle cx='18' cy='18' r='4.5' fill='none' stroke='$grey' stroke-width='2.2'/>" ;;
  stopped) with $grey "<rect x='13.8' y='13.8' width='8.4' height='8.4' rx='1.6' fill='$grey'/>" ;;
  trouble) with $teal "<circle cx='18' cy='18' r='5.6' fill='$red'/><path d='M18 14.9v3.6' stroke='#fff' stroke-width='1.7' stroke-linecap='round'/><circle cx='18' cy='20.9' r='1' fill='#fff'/>" ;;
  esac
}

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
png() { rsvg-convert -w "$2" -h "$2" "$tmp/$1.svg" -o "$3"; }
for s in app starting direct router relay local stopped trouble; do
  svg "$(draw $s)" >"$tmp/$s.svg"
done
for s in starting direct router relay local stopped trouble; do
  png $s 48 "app/icon/$s.png"
  for n in 16 20 24 32 48; do png $s $n "$tmp/$s-$n.png"; done
  icotool -c -o "app/icon/$s.ico" "$tmp/$s"-{16,20,24,32,48}.png
done
png app 256 app/icon/app.png
for n in 16 24 32 48 64 256; do png app $n "$tmp/app-$n.png"; done
icotool -c -o build/windows/icon.ico "$tmp"/app-{16,24,32,48,64,256}.png
cp "$tmp/app.svg" build/icons/pc2.svg
