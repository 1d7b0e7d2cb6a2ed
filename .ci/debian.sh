# What the install-* scripts share: packages from this machine's own Debian mirror, and no system services.
# Where that cannot be done they say why; that is a failure in CI only, elsewhere the tests in question are skipped.

give_up() {
  echo "$wanted: not installed: $1"
  if [ "${CI-}" = true ]; then exit 1; else exit 0; fi
}

has_candidate() { apt-cache policy "$1" | grep -q 'Candidate: [^(]'; }

quietly() { "$@" >"$log" 2>&1 || give_up "$1 $2: $(grep -m 1 '^E:' "$log" || tail -n 1 "$log")"; }

# Bookworm carries some packages among its backports only: another suite of the mirror that apt uses already.
use_backports() {
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg mirror
  . /etc/os-release
  if [ "${VERSION_CODENAME-}" != bookworm ] || [ ! -e "$keyring" ]; then return; fi
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Release: bookworm' | head -n 1)
  [ -n "$mirror" ] || give_up 'apt knows no mirror of Debian bookworm'
  printf '%s\n' 'Types: deb' "URIs: $mirror" 'Suites: bookworm-backports' 'Components: main' \
    "Signed-By: $keyring" >/etc/apt/sources.list.d/bookworm-backports.sources
}

can_install() {
  command -v apt-get >/dev/null || give_up 'this machine has no apt-get'
  [ "$(id -u)" = 0 ] || give_up 'installing Debian packages takes root'
}

# install_packages PACKAGE…: the tests start servers of their own, so that none is started here.
install_packages() {
  can_install
  log=$(mktemp)
  policy=
  trap 'rm -f "$log" $policy' EXIT
  quietly apt-get update
  local package
  for package in "$@"; do
    if has_candidate "$package"; then continue; fi
    use_backports
    quietly apt-get update
    has_candidate "$package" || give_up "apt offers no package $package"
  done
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    policy=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
  fi
  export DEBIAN_FRONTEND=noninteractive
  quietly apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
}
