#!/bin/sh
# Makes what all hosts of a lab start from: DIR/image, a small Debian with systemd, and DIR/packages, a repository of
# what scenarios install. Needs the network once; hosts themselves have no route out.
# Usage: image.sh DIR SUITE MIRROR ('' for debootstrap's own)
set -eu
dir=$1 suite=$2 mirror=$3
image=$dir/image packages=$dir/packages

# What scenarios may install, besides the packages made below.
wanted="nginx nginx-light cron bridge-utils ifenslave vlan"
# What scenarios find there, stopped and disabled: servers take long to install.
there="apache2 mariadb-server postgresql supervisor git ruby locales python3-pip python3-venv iptables kmod
  debconf-utils openssl openssh-server patch at nftables npm apache2-utils ifupdown"
servers="apache2 mariadb postgresql supervisor ssh atd nftables"

debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,procps,iproute2 "$suite" "$image" $mirror

# apt on the image itself says which packages are missing there, so the repository is closed under dependencies.
mkdir "$packages"
cp /etc/resolv.conf "$image/etc/resolv.conf"
echo 'APT::Install-Recommends "false";' >"$image/etc/apt/apt.conf.d/90lab"
chroot "$image" apt-get update -q
printf '#!/bin/sh\nexit 101\n' >"$image/usr/sbin/policy-rc.d"
chmod 755 "$image/usr/sbin/policy-rc.d"
echo force-unsafe-io >"$image/etc/dpkg/dpkg.cfg.d/90lab"
chroot "$image" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y $there
chroot "$image" systemctl -q disable $servers
rm "$image/usr/sbin/policy-rc.d" "$image/etc/dpkg/dpkg.cfg.d/90lab" "$image"/var/cache/apt/archives/*.deb
chroot "$image" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --download-only $wanted
mv "$image"/var/cache/apt/archives/*.deb "$packages"

# A package in two versions, to upgrade and to hold.
for version in 1.0 2.0; do
  build=$dir/build
  mkdir -p "$build/DEBIAN" "$build/usr/share/lab-words"
  echo "$version" >"$build/usr/share/lab-words/version"
  cat >"$build/DEBIAN/control" <<CONTROL
Package: lab-words
Version: $version
Architecture: all
Maintainer: The lab <root@localhost>
Description: A file that tells its version
CONTROL
  dpkg-deb --build --root-owner-group "$build" "$packages" >/dev/null
  rm -r "$build"
done
(cd "$packages" && dpkg-scanpackages --multiversion . >Packages)

# Hosts know this repository only, and nothing of theirs starts by itself and takes locks.
rm -rf "$image"/var/lib/apt/lists/* "$image"/var/cache/apt/*.bin "$image"/etc/apt/sources.list.d/* "$image/etc/resolv.conf"
echo 'deb [trusted=yes] file:/srv/packages ./' >"$image/etc/apt/sources.list"
mkdir "$image/srv/packages"
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer; do
  ln -sf /dev/null "$image/etc/systemd/system/$unit"
done
