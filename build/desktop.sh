#!/bin/bash
# A private X desktop with a real StatusNotifier host, for tray tests.
#   build/desktop.sh start DIR   Xvfb + D-Bus session + openbox + xfce4-panel; writes DIR/env
#   build/desktop.sh stop DIR    ends only what start started (pids in DIR/pids, or DIR/home as their home)
# Debian: xvfb dbus openbox xfce4-panel xfconf xdotool imagemagick adwaita-icon-theme
#         fonts-dejavu-core libglib2.0-bin
# Afterwards: `. DIR/env` in a shell of its own, and run the program; `import -window root shot.png` for a picture.
set -eu
what=$1 dir=$2
mkdir -p "$dir"; dir=$(cd "$dir" && pwd)
case $what in
start)
  : >"$dir/pids"
  mkdir -p "$dir/home" "$dir/run" "$dir/config/xfce4/xfconf/xfce-perchannel-xml"; chmod 700 "$dir/run"
  cat >"$dir/config/xfce4/xfconf/xfce-perchannel-xml/xfce4-panel.xml" <<'X'
<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="length" type="uint" value="100"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="size" type="uint" value="32"/>
      <property name="plugin-ids" type="array">
        <value type="int" value="1"/><value type="int" value="2"/><value type="int" value="3"/><value type="int" value="4"/>
      </property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="tasklist"/>
    <property name="plugin-2" type="string" value="separator"><property name="expand" type="bool" value="true"/><property name="style" type="uint" value="0"/></property>
    <property name="plugin-3" type="string" value="systray"/>
    <property name="plugin-4" type="string" value="clock"/>
  </property>
</channel>
X
  exec 9>"$dir/displayfd.out"
  HOME=$dir/home Xvfb -displayfd 9 -screen 0 1280x800x24 -nolisten tcp >"$dir/xvfb.log" 2>&1 & echo $! >>"$dir/pids"
  exec 9>&-
  n=
  for _ in $(seq 600); do read -r n <"$dir/displayfd.out" && break; sleep .1; done
  [ -n "$n" ] || { echo "Xvfb has no display after a minute" >&2; cat "$dir/xvfb.log" >&2; exit 1; }
  { read -r bus; read -r buspid; } < <(HOME=$dir/home XDG_RUNTIME_DIR=$dir/run XDG_CONFIG_HOME=$dir/config DISPLAY=:$n \
      dbus-daemon --session --fork --print-address=1 --print-pid=1)
  echo "$buspid" >>"$dir/pids"
  cat >"$dir/env" <<X
export DISPLAY=:$n DBUS_SESSION_BUS_ADDRESS='$bus' HOME='$dir/home' XDG_RUNTIME_DIR='$dir/run' XDG_CONFIG_HOME='$dir/config'
export GTK_THEME=Adwaita NO_AT_BRIDGE=1 XDG_CURRENT_DESKTOP=XFCE LIBGL_ALWAYS_SOFTWARE=1 LC_ALL=C.UTF-8
unset WAYLAND_DISPLAY XDG_SESSION_TYPE
X
  . "$dir/env"
  openbox >"$dir/openbox.log" 2>&1 & echo $! >>"$dir/pids"
  xfce4-panel --disable-wm-check >"$dir/panel.log" 2>&1 & echo $! >>"$dir/pids"
  for _ in $(seq 300); do
    gdbus call --session -d org.freedesktop.DBus -o /org/freedesktop/DBus -m org.freedesktop.DBus.NameHasOwner \
      org.kde.StatusNotifierWatcher 2>/dev/null | grep -q true && { echo "desktop :$n up, StatusNotifierWatcher owned"; exit 0; }
    sleep .2
  done
  echo "no StatusNotifierWatcher after a minute" >&2; cat "$dir/panel.log" >&2; exit 1 ;;
stop)
  [ -f "$dir/pids" ] || exit 0
  for p in $(tac "$dir/pids"); do kill "$p" 2>/dev/null || true; done
  # All of it has the desktop's own home, what bus and panel started too, and may still write there.
  for n in $(seq 100); do
    left=$(grep -lszx "HOME=$dir/home" /proc/[0-9]*/environ | cut -d/ -f3)
    [ -z "$left" ] && break
    [ "$n" -eq 30 ] && { kill -9 $left 2>/dev/null || true; }
    sleep .1
  done
  rm -f "$dir/pids" ;;
esac
