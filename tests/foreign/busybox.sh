# busybox.sh -- run BusyBox's own tests in a guest, where /busybox has its testsuite and ash's tests.
#
# usage: sh busybox.sh GROUP ...    an applet (a file or folder of testsuite) or a folder of ash_test
# Before each group it says "##foreign GROUP"; nothing of BusyBox's files is changed. A group of
# runtest's own is announced by a file of ours beside the .tests files, because one runtest is one
# farm of links: 400 processes.
export SHELL=/bin/sh	# as a login has it
top=/busybox
ln -sf /bin/busybox $top/busybox
applets= modules=
for group; do
	case $group in
	ash-*)
		modules="$modules $group" ;;
	*)
		printf '#!/bin/sh\necho "##foreign %s"\n' "$group" > "$top/testsuite/all_at_$group.tests"
		chmod +x "$top/testsuite/all_at_$group.tests"
		applets="$applets all_at_$group $group" ;;
	esac
done
if [ -n "$applets" ]; then
	cd $top/testsuite && ./runtest -v $applets < /dev/null 2>&1
fi
cd $top/shell/ash_test || exit
for module in $modules; do
	echo "##foreign $module"
	./run-all "$module" < /dev/null 2>&1
	for fail in *.fail; do
		[ -e "$fail" ] && sed 's/^/# /' "$fail" && rm "$fail"
	done
done
echo "##foreign end"
