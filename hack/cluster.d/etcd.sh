# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash

run_etcd() {
  local url=http://127.0.0.1:$etcd_port peer=http://127.0.0.1:$etcd_peer_port
  start etcd "$bin_dir/etcd" --name certroll --data-dir "$run_dir/etcd" --log-level warn \
    --listen-client-urls "$url" --advertise-client-urls "$url" \
    --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "certroll=$peer" \
    --quota-backend-bytes $((8 << 30)) --unsafe-no-fsync
}

ready_etcd() { ready etcd 20 on_node curl -sf "http://127.0.0.1:$etcd_port/health"; }
