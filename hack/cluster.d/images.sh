# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Images are tarballs in the cache, named by the hash of what they are made of,
# so that `up` needs no container engine.

images_cache=$cache_dir/images
pause_image=certroll-test/pause:dev
busybox_image=certroll-test/busybox:dev

# cached NAME HASH: the path of a tarball.
cached() { printf '%s/%s-%s.tar\n' "$images_cache" "${1//\//_}" "${2:0:12}"; }

hash_of() { sha256sum "$@" | sha256sum | cut -d' ' -f1; }

# The two images that every node has, written without any engine.
scratch_images() {
  local maker=$root/hack/cluster.d/scratch-image.py source=$root/hack/cluster.d/pause.c
  local program=$images_cache/pause.bin
  mkdir -p "$images_cache"
  pause_tar=$(cached pause "$(hash_of "$maker" "$source")")
  busybox_tar=$(cached busybox "$(hash_of "$maker" /bin/busybox)")
  if [[ ! -e $pause_tar ]]; then
    cc -Os -static -s -o "$program" "$source"
    "$maker" "$pause_image" "$program" /pause >"$pause_tar.part"
    mv "$pause_tar.part" "$pause_tar"
  fi
  if [[ ! -e $busybox_tar ]]; then
    "$maker" --applets "$busybox_image" /bin/busybox /bin/busybox >"$busybox_tar.part"
    mv "$busybox_tar.part" "$busybox_tar"
  fi
}

import_image() { ctr_on_node images import - <"$1" >/dev/null; }

import_scratch_images() {
  import_image "$pause_tar"
  import_image "$busybox_tar"
}
