#!/bin/sh
# Installs the programs that tests use and pip does not have: a browser for the pages, and DICOM
# software that is independent of this project. Debian or Ubuntu, as root. It never fails: tests
# whose program is absent are skipped and say so.
packages=
PATH=$PATH:/usr/sbin
command -v chromium > /dev/null || packages="$packages chromium"
command -v dcmdump > /dev/null || packages="$packages dcmtk"
command -v dciodvfy > /dev/null || packages="$packages dicom3tools"
command -v Orthanc > /dev/null || packages="$packages orthanc"
[ -n "$packages" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
    echo "Some tests will be skipped. On Debian, this installs what they need:" \
        "sudo tools/install_test_programs.sh (packages:$packages)"
    exit 0
fi

# The tests start an Orthanc of their own: the service of the package must not run, now or later.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
quick="-qq -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o DPkg::Lock::Timeout=300"
apt-get update $quick
for package in $packages; do  # one by one: Ubuntu has no Chromium outside of its snaps
    apt-get install -y --no-install-recommends $quick "$package" > /dev/null \
        || echo "$package was not installed: its tests will be skipped"
done
if command -v systemctl > /dev/null; then
    case $packages in *orthanc*) systemctl disable --quiet orthanc 2> /dev/null ;; esac
fi
exit 0
