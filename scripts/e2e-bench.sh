#!/bin/sh
# Sets up the bench without hardware: QEMU (installed), and below .cache/e2e,
# unpacked and not installed, what the guest is made of and QEMU's iSCSI
# module. Quick when it is all there.
set -eu
cd "$(dirname "$0")/.."
dest=.cache/e2e
scripts/packages.sh qemu-system-x86 e2fsprogs util-linux

# The modules QEMU loads must be of its own build, the kernel the current one.
qemu=$(dpkg-query -W -f '${Version}' qemu-system-x86)
stamp="1 $qemu"
if [ -f "$dest/done" ] && [ "$(cat "$dest/done")" = "$stamp" ]; then exit 0; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
fetch() {
	kernel=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/^ *Depends: *\(linux-image-[0-9].*\)$/\1/p' | head -n 1)
	[ -n "$kernel" ] || return 1
	(cd "$work" && apt-get -q download "$kernel" "qemu-block-extra=$qemu" libiscsi7 busybox-static udev libkmod2 libudev1 libssl3 libcap2 libcap-ng0) >"$work/log" 2>&1
}
if ! fetch; then
	scripts/packages.sh --update
	fetch || { cat "$work/log" >&2 2>/dev/null || true; echo "e2e bench: apt-get cannot download the guest's kernel and tools; is the machine on Debian with its network up?" >&2; exit 1; }
fi
rm -rf "$dest"
mkdir -p "$dest/guest" "$dest/qemu"
for deb in "$work"/*.deb; do
	case $deb in
	*/qemu-block-extra_* | */libiscsi7_*) dpkg-deb -x "$deb" "$work/qemu" ;;
	*) dpkg-deb -x "$deb" "$dest/guest" ;;
	esac
done
# QEMU_MODULE_DIR names one flat folder; the library lies beside it.
cp "$work"/qemu/usr/lib/*/qemu/block-iscsi.so "$work"/qemu/usr/lib/*/libiscsi.so.? "$dest/qemu/"
rm -rf "$dest/guest/usr/share" "$dest/guest/lib/udev/hwdb.d"
cp "$dest"/guest/boot/vmlinuz-* "$dest/vmlinuz"
echo "$stamp" >"$dest/done"
echo "e2e bench: guest kernel $kernel and its tools lie in $dest"
