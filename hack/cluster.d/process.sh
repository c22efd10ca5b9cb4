# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Components are processes, each recorded in run/NAME.pid as "pid start-time
# boot-id". The two last make it certain that the process of that number is
# still the one we started; no process is ever found by its name.

boot_id() { cat /proc/sys/kernel/random/boot_id; }

# start_time PID: field 22 of stat, counted after the ")" that ends the name.
start_time() {
  local stat
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
  read -ra stat <<<"${stat##*) }"
  [[ ${stat[0]} != Z ]] || return 1
  printf '%s\n' "${stat[19]}"
}

# pid_of NAME: prints the pid if the recorded process still lives.
pid_of() {
  local pid started boot
  { read -r pid started boot <"$run_dir/$1.pid"; } 2>/dev/null || return 1
  [[ $boot == "$(boot_id)" && $started == "$(start_time "$pid")" ]] || return 1
  printf '%s\n' "$pid"
}

alive() { pid_of "$1" >/dev/null; }

# inside: what to put before a command so that it runs in the node's
# namespaces; nothing when there is no node.
inside() {
  local holder
  if [[ $(mode) == node ]]; then
    holder=$(pid_of namespaces) || die "the node's namespaces are gone: hack/cluster down, then up"
    printf '%s\n' nsenter "--target=$holder" --mount --net --
  fi
}

on_node() {
  local enter
  mapfile -t enter < <(inside)
  "${enter[@]}" "$@"
}

# start NAME COMMAND...: in the node's namespaces, if there is a node.
start() {
  local name=$1 enter
  shift
  mapfile -t enter < <(inside)
  launch "$name" "${enter[@]}" "$@"
}

# launch NAME COMMAND...: unless it runs already. setsid: a Ctrl-C at the
# terminal is for this script alone. The lock is not for the child to keep.
launch() {
  local name=$1
  shift
  if alive "$name"; then return; fi
  (
    join_cgroup
    exec setsid "$@" </dev/null >>"$log_dir/$name.log" 2>&1 9>&-
  ) &
  record "$name" $!
}

record() { printf '%s %s %s\n' "$2" "$(start_time "$2")" "$(boot_id)" >"$run_dir/$1.pid"; }

# ready NAME SECONDS COMMAND...: waits, but not for a process that has died.
ready() {
  local name=$1 deadline=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ! alive "$name"; then
      tail -n 5 "$log_dir/$name.log" >&2
      die "$name ended; its log is $log_dir/$name.log"
    fi
    ((SECONDS < deadline)) || die "$name is not ready; its log is $log_dir/$name.log"
    sleep 0.05
  done
}

# stop NAME: asks, waits 10 s, insists.
stop() {
  local pid
  if pid=$(pid_of "$1"); then
    kill "$pid" 2>/dev/null || true
    if ! try_for 10 gone "$1"; then
      kill -KILL "$pid" 2>/dev/null || true
      wait_for 10 "the end of $1 (pid $pid)" gone "$1"
    fi
  fi
  rm -f "$run_dir/$1.pid"
}

gone() { ! alive "$1"; }

# end NAME: at once, for what leaves nothing behind that anyone will read.
end() {
  local pid
  if pid=$(pid_of "$1"); then
    kill -KILL "$pid" 2>/dev/null || true
    wait_for 10 "the end of $1 (pid $pid)" gone "$1"
  fi
  rm -f "$run_dir/$1.pid"
}

recorded() {
  local file
  for file in "$run_dir"/*.pid; do
    [[ -e $file ]] && basename "$file" .pid
  done
  return 0
}
