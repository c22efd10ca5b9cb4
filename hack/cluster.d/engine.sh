# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2030,SC2031 # a subshell changes its own copies, on purpose
#
# A dockerd that lives only while images are built: own data in the cache, own
# socket, cgroup and mount namespace, no bridge, no iptables rules.

engine_data=$cache_dir/docker

# with_engine COMMAND...: runs a function that may call `docker`. A subshell, in
# which the process and cgroup functions work on the engine's own records.
with_engine() (
  ((EUID == 0)) || die "building images needs root"
  run_dir=$cluster_dir/engine
  log_dir=$cluster_dir
  cgroup_name=$cgroup_name-engine
  mkdir -p "$cluster_dir" "$cache_dir"
  exec 9>"$cache_dir/engine.lock"
  flock --timeout 1200 9 || die "another build has held $cache_dir/engine.lock for 20 minutes"
  end_engine # of a build that was killed
  trap end_engine EXIT
  start_engine
  "$@"
)

start_engine() {
  local missing
  missing=$(missing_programs dockerd debootstrap; too_little_disk)
  [[ -z $missing ]] || die "${missing%%$'\n'*}"
  mkdir -p "$run_dir/config" "$engine_data"
  # Nothing of the machine's own daemon.json; and old build layers go.
  echo '{"builder": {"gc": {"enabled": true, "defaultKeepStorage": "4GB"}}}' >"$run_dir/daemon.json"
  : >"$log_dir/engine.log"
  make_cgroups
  # /run is hidden: a dockerd that finds a containerd there uses that one.
  # shellcheck disable=SC2016 # the inner shell's arguments
  launch engine unshare --mount --propagation slave \
    sh -c 'mount -t tmpfs -o mode=755 certroll /run && exec "$@"' sh \
    dockerd --config-file "$run_dir/daemon.json" --data-root "$engine_data" --exec-root "$run_dir/exec" \
    --pidfile "$run_dir/dockerd.pidfile" --host "unix://$run_dir/docker.sock" \
    --bridge=none --iptables=false --ip-forward=false --ip-masq=false \
    --cgroup-parent "/$cgroup_name/builds" --storage-driver overlay2
  ready engine 60 docker version
}

end_engine() {
  # It is asked first, so that its data in the cache stays whole.
  stop engine
  end_cgroup
  remove_cgroups
  rm -rf --one-file-system "$run_dir"
}

# Debian's client: another docker in PATH may be too new for Debian's dockerd.
docker() {
  DOCKER_CONFIG=$run_dir/config DOCKER_HOST=unix://$run_dir/docker.sock DOCKER_BUILDKIT=1 \
    DOCKER_CONTEXT='' /usr/bin/docker "$@"
}
