# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Links the pinned programs into bin/ by the names they are called by.

# link_tools TOOL...: builds what is missing.
link_tools() {
  local tool dir program
  "$root/hack/build-tools" "$@" || die "the tools could not be built"
  mkdir -p "$bin_dir"
  for tool in "$@"; do
    dir=$("$root/hack/build-tools" --dir "$tool")
    for program in "$dir"/*; do
      ln -sfn "$program" "$bin_dir/${program##*/}"
    done
  done
}

# One binary, and its first argument or its name picks the program.
link_kubernetes() {
  local program
  link_tools kubernetes
  for program in kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl; do
    ln -sfn kubernetes "$bin_dir/$program"
  done
}

# Someone who has other API servers or etcds (envtest's convention) uses those.
link_assets() {
  local program
  [[ -n ${KUBEBUILDER_ASSETS:-} ]] || return 0
  [[ $(realpath -m "$KUBEBUILDER_ASSETS") != $(realpath -m "$bin_dir") ]] || return 0
  for program in etcd kube-apiserver; do
    if [[ -x $KUBEBUILDER_ASSETS/$program ]]; then
      ln -sfn "$KUBEBUILDER_ASSETS/$program" "$bin_dir/$program"
      say "using $program of KUBEBUILDER_ASSETS"
    fi
  done
}
