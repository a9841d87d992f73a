#!/usr/bin/env bash
# Installs the Debian packages that tests need, or prints how.
#
#   build/setup.sh           what make test needs
#   build/setup.sh test app  several of these at once
#   build/setup.sh bench     what only the benchmark compares with
#   build/setup.sh lab       what the NAT lab (backend/lab) needs
#   build/setup.sh app       what the desktop program is built with
#   build/setup.sh desktop   what its tests need: a desktop of their own
#   build/setup.sh wine      what runs the Windows program
set -euo pipefail

want=()
for set in "${@:-test}"; do
  case $set in
  # desktop-file-utils judges the entry for start at login. gnome-keyring wants a
  # session bus; dbus-x11 is the one that does not bring systemd along. The last four
  # are the lab.
  test) want+=(chromium nginx-light desktop-file-utils gnome-keyring dbus-x11 iproute2 nftables conntrack miniupnpd-nftables) ;;
  # miniupnpd-nftables is the program alone: the package miniupnpd would start it as a
  # service of this PC.
  lab) want+=(iproute2 nftables conntrack miniupnpd-nftables) ;;
  bench) want+=(openssh-client openssh-server) ;;
  app) want+=(libgtk-3-dev libwebkit2gtk-4.1-dev pkg-config gcc) ;;
  wine) want+=(wine wine64 gcc-mingw-w64-x86-64-win32) ;;
  desktop) want+=(xvfb dbus openbox xfce4-panel xfconf xdotool xclip imagemagick adwaita-icon-theme fonts-dejavu-core libglib2.0-bin dunst procps gnome-keyring dbus-x11) ;;
  *)
    echo "No set of packages is called $set." >&2
    exit 2
    ;;
  esac
done
need=()
for p in "${want[@]}"; do
  dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || need+=("$p")
done
[ ${#need[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "These packages are missing. Install them, then run make again:" >&2
  echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${need[*]}" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq -o Acquire::Retries=3
RUNLEVEL=1 apt-get install -y -qq -o Acquire::Retries=3 --no-install-recommends "${need[@]}" >/dev/null
# The benchmark starts an sshd of its own; the one of the system is nobody's wish here.
if [[ " ${need[*]} " == *" openssh-server "* ]] && [ -d /run/systemd/system ]; then
  systemctl disable --quiet --now ssh.service ssh.socket 2>/dev/null || true
fi
