# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# debian:bookworm-slim without a registry: debootstrap from the machine's own
# package source.

base_image=debian:bookworm-slim

# base_sources: the lines of a sources.list, as this machine has them; or
# CERTROLL_DEBIAN_MIRROR, on a machine that is not Debian 12.
base_sources() {
  if [[ -n ${CERTROLL_DEBIAN_MIRROR:-} ]]; then
    echo "deb $CERTROLL_DEBIAN_MIRROR bookworm main"
    return
  fi
  # shellcheck disable=SC2016 # $(...) is apt's own notation
  apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(SITE)' 'Created-By: Packages' |
    awk '$1 ~ /^bookworm(-updates|-security)?$/ && $2 == "main" {print "deb", $3, $1, $2}' | sort -u
}

# base_hash: of what decides the base, which is its sources and this file.
base_hash() { { base_sources; cat "$root/hack/cluster.d/base.sh"; } | sha256sum; }

# base_tarball: prints the path of the root file system, made if it is missing.
base_tarball() {
  local sources tarball mirror work
  sources=$(base_sources)
  mirror=$(awk '$3 == "bookworm" {print $2; exit}' <<<"$sources")
  [[ -n $mirror ]] || die "no package source for Debian bookworm here; set CERTROLL_DEBIAN_MIRROR"
  tarball=$(cached debian-bookworm "$(base_hash)")
  if [[ ! -e $tarball ]]; then
    say "making $base_image (about half a minute)"
    rm -rf --one-file-system "$images_cache"/debian-bookworm-*.tar "$cache_dir"/base.*
    work=$(mktemp -d "$cache_dir/base.XXXXXX")
    # In a mount namespace, because debootstrap mounts /proc in its target.
    unshare --mount debootstrap --variant=minbase bookworm "$work" "$mirror" >"$cluster_dir/debootstrap.log" 2>&1 ||
      die "debootstrap failed; see $cluster_dir/debootstrap.log"
    slim "$work" "$sources"
    tar -C "$work" --one-file-system --numeric-owner -cf "$tarball.part" .
    mv "$tarball.part" "$tarball"
    rm -rf --one-file-system "$work"
  fi
  printf '%s\n' "$tarball"
}

# slim FOLDER SOURCES: what the public image of that name lacks, and what its
# users rely on: no services start, no documentation is installed, no package
# files stay behind.
slim() {
  printf '%s\n' "$2" >"$1/etc/apt/sources.list"
  printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
  chmod +x "$1/usr/sbin/policy-rc.d"
  printf 'path-exclude=/usr/share/%s/*\n' doc man info locale lintian >"$1/etc/dpkg/dpkg.cfg.d/slim"
  printf 'path-include=/usr/share/doc/*/copyright\n' >>"$1/etc/dpkg/dpkg.cfg.d/slim"
  cat >"$1/etc/apt/apt.conf.d/slim" <<'APT'
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };
APT
  find "$1/usr/share/doc" -type f ! -name copyright -delete
  rm -rf "$1"/usr/share/{man,info,locale,lintian}/* "$1"/var/lib/apt/lists/* "$1"/var/log/*
  find "$1/var/cache/apt" -type f -delete
}

ensure_base() {
  local tarball label
  tarball=$(base_tarball)
  label=certroll-base=${tarball##*/}
  if [[ -z $(docker images --quiet --filter "label=$label" "$base_image") ]]; then
    docker import --change "LABEL $label" --change 'CMD ["bash"]' "$tarball" "$base_image" >/dev/null
  fi
}
