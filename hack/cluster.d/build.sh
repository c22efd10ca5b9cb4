# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The commands that build images and put them on the node.

own_image=certroll:dev

# saved NAME: where the last build of an image is kept.
saved() {
  local name=$1
  [[ $name == *:* ]] || name=$name:dev
  printf '%s/%s.tar\n' "$images_cache" "${name//[\/:]/_}"
}

# build TAG FOLDER: into saved TAG. No default network exists in this engine.
build() {
  local out
  out=$(saved "$1")
  say "building $1"
  docker build --network host --progress plain --tag "$1" "$2" >"$log_dir/build.log" 2>&1 || {
    tail -n 30 "$log_dir/build.log" >&2
    die "the build of $1 failed; the whole log is $log_dir/build.log"
  }
  docker save "$1" >"$out.part"
  mv "$out.part" "$out"
  docker image prune --force >/dev/null
}

build_own_image() {
  ensure_base
  build "$own_image" "$root"
}

command_build_image() {
  no_arguments build-image "$@"
  [[ -e $root/Dockerfile ]] || die "there is no Dockerfile"
  mkdir -p "$images_cache"
  with_engine build_own_image
}

command_load_image() {
  (($# == 1)) || { say "usage: hack/cluster load-image NAME"; exit 2; }
  local tarball
  needs_node
  tarball=$(saved "$1")
  [[ -e $tarball ]] || die "no image $1 was built here; hack/cluster build-image or test-images"
  import_image "$tarball"
}

needs_node() {
  [[ $(mode) == node ]] || die "no node is up; hack/cluster up"
  settle node
}

# test_image_names: a folder with a Dockerfile each.
test_image_names() {
  local file
  for file in "$root"/tests/images/*/Dockerfile; do basename "$(dirname "$file")"; done
}

# test_key NAME: the hash of its folder and of its base, kept beside its tarball.
test_key() {
  {
    base_hash
    cd "$root/tests/images/$1" && find . -type f | LC_ALL=C sort | xargs sha256sum
  } | sha256sum | cut -d' ' -f1
}

fresh_test_image() {
  local tarball
  tarball=$(saved "certroll-test/$1")
  [[ -e $tarball && $(test_key "$1") == "$(cat "$tarball.key" 2>/dev/null)" ]]
}

build_test_images() {
  local name tag
  ensure_base
  for name in "$@"; do
    tag=certroll-test/$name:dev
    build "$tag" "$root/tests/images/$name"
    test_key "$name" >"$(saved "$tag").key"
  done
}

# load_test_image NAME: once for each life of a node and version of the image.
load_test_image() {
  local tarball loaded
  tarball=$(saved "certroll-test/$1")
  loaded=$run_dir/loaded-$1-$(<"$tarball.key")
  [[ -e $loaded ]] && return
  import_image "$tarball"
  touch "$loaded"
}

command_test_images() {
  no_arguments test-images "$@"
  local name names missing=()
  mkdir -p "$images_cache"
  mapfile -t names < <(test_image_names)
  for name in "${names[@]}"; do
    fresh_test_image "$name" || missing+=("$name")
  done
  if ((${#missing[@]})); then with_engine build_test_images "${missing[@]}"; fi
  if [[ $(mode) != node ]]; then
    say "no node is up: the images are built, and not loaded"
    return
  fi
  settle node
  for name in "${names[@]}"; do load_test_image "$name"; done
}
