#!/bin/busybox sh
# The guest's first process: mounts, loads modules, runs each test with each backend and reports on the
# report's serial port, a word and its line each:
#   kernel RELEASE            what runs
#   backend NAME works        of each backend whether it does (else `backend NAME: why`)
#   run TEST BACKEND          a test program starts; then
#   out LINE, err LINE        what it says
#   end TEST BACKEND STATUS   it ended
#   locked MODE               the kernel is locked down; backends, and a test, follow again, MODE in BACKEND's place
#   done                      all ran
# /etc/vm.conf says what to do: kernel, tests, once (tests run with the first backend only), backends (all that work if
# none is named), filter, threads, lockdown (modes), locked (a test for them) and secrets (which of its tests),
# recordings (yes: they are kept and go to their serial port as a .tar.gz), groundtruth (yes: programs of
# groundtruth/ are traced, too). /etc/command is run instead, if it is there.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
# As udev has it. TOMOYO, which Debian's kernels have on, looks for the name /dev/fd/N of what fexecve(3) executes.
ln -s /proc/self/fd /dev/fd
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t tmpfs -o mode=1777 tmp /tmp
mount -t tmpfs -o mode=755 run /run
mount -t securityfs security /sys/kernel/security
mount -t debugfs debug /sys/kernel/debug
mount -t tracefs trace /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup /sys/fs/cgroup
. /etc/vm.conf
stty -F "$report_port" raw -echo
exec 3>"$report_port"

say() { echo "$*" >&3; }

for module in /modules/*.ko; do
    insmod "$module" || say "err insmod $module failed"
done
ip link set lo up
sysctl -q -p /etc/sysctl.conf

# Runs the rest of its words; what that says goes to the report, line by line.
reported() {
    mkfifo /run/out /run/err
    # Not sed, which reads one line ahead: each line is to have its own time.
    while IFS= read -r line; do echo "out $line"; done </run/out >&3 &
    while IFS= read -r line; do echo "err $line"; done </run/err >&3 &
    "$@" >/run/out 2>/run/err </dev/null
    status=$?
    # What it left running must not hold up the guest.
    sleep 0.1
    rm -f /run/out /run/err
    # What it said may lack its last end of line.
    say
}

show_backends() {
    backends >/run/backends 2>&1
    while read -r line; do say "backend $line"; done </run/backends
}

say "kernel $(uname -r)"
export DROPCAP_TEST_PROOFS=/run/proofs
export DROPCAP_TEST_FEWER=1 DROPCAP_TEST_KERNEL=$kernel DROPCAP_TEST_PROGRAMS=/programs
[ "$recordings" != yes ] || export DROPCAP_TEST_RECORDINGS=/run/recordings
cd /root
if [ -f /etc/command ]; then
    say "run command -"
    reported sh /etc/command
    say "end command - $status"
else
    show_backends
    for name in $(sed -n 's/ works$//p' /run/backends); do
        case " $backends " in
        "  " | *" $name "*) ;;
        *) continue ;;
        esac
        export DROPCAP_TEST_BACKEND=$name
        for test in $tests $once; do
            say "run $test $name"
            reported /tests/$test --test-threads "$threads" $filter
            say "end $test $name $status"
        done
        once=
    done
fi
if [ "$groundtruth" = yes ]; then
    say "run groundtruth -"
    reported /usr/bin/dash /usr/share/groundtruth.sh /run/recordings
    say "end groundtruth - $status"
fi
if [ "$recordings" = yes ]; then
    stty -F "$recordings_port" raw -echo
    tar -c -C /run recordings | gzip >"$recordings_port"
fi
# As lockdown= on the kernel's command line does (lock_kernel_down()), and as there: for good.
unset DROPCAP_TEST_BACKEND
for mode in $lockdown; do
    echo "$mode" >/sys/kernel/security/lockdown || say "err cannot be locked down"
    say "locked $mode"
    show_backends
    say "run $locked $mode"
    reported /tests/$locked --test-threads "$threads" ${filter:-$secrets}
    say "end $locked $mode $status"
done
say done
poweroff -f
