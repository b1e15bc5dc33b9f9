#!/usr/bin/dash
# Not busybox sh, to which its own ps and tar come before those in PATH.
# Programs of groundtruth/, each traced once in the guest's own file system, with its own set-up and its own test of
# whether it works. What was seen is kept in $1/groundtruth. Prints what a test program of Rust's would.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p "$1/groundtruth" /srv /var/log/nginx /var/lib/nginx /var/www
worst=0
echo "running $(ls /usr/share/groundtruth | wc -l) tests"
for folder in /usr/share/groundtruth/*; do
    name=${folder##*/}
    rm -rf /groundtruth
    cp -r "$folder" /groundtruth
    for step in prepare setup; do
        [ ! -f /groundtruth/$step ] || sh /groundtruth/$step >/groundtruth/$step.out 2>&1 || echo "$name: $step failed"
    done
    works=no
    if grep -q '^service = true' /groundtruth/program.toml; then
        dropcap trace --for 120s --record "$1/groundtruth/$name.json" -- sh /groundtruth/run >/groundtruth/out 2>&1 &
        for again in $(seq 60); do
            if sh /groundtruth/test >/groundtruth/test.out 2>&1; then works=yes && break; fi
            sleep 1
        done
        killall "$name"
        wait $!
    else
        dropcap trace --for 120s --record "$1/groundtruth/$name.json" -- \
            sh -c 'sh /groundtruth/run; echo $? >/groundtruth/status' >/groundtruth/out 2>&1
        STATUS=$(cat /groundtruth/status) sh /groundtruth/test >/groundtruth/test.out 2>&1 && works=yes
    fi
    if [ $works = yes ]; then
        echo "test $name ... ok"
    else
        worst=1
        echo "test $name ... FAILED"
        tail -n 20 /groundtruth/*out
    fi
done
exit $worst
