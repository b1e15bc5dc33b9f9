//! The least number of lines that differ between two texts: Myers, "An O(ND) difference algorithm and
//! its variations", 1986. Without the short cuts that libraries take, so that it is the least.

/// Lines to take out of `old` and to put in, so that it becomes `new`.
pub fn changed(old: &str, new: &str) -> usize {
    let lines = |text| -> Vec<&str> { str::split_inclusive(text, '\n').collect() };
    let (old, new) = (lines(old), lines(new));
    let mut start = 0;
    while start < old.len().min(new.len()) && old[start] == new[start] {
        start += 1;
    }
    let (old, new) = (&old[start..], &new[start..]);
    // `furthest[d + k]`: how far into `old` a way with so many changes gets on the diagonal k.
    let most = old.len() + new.len();
    let mut furthest = vec![0_usize; 2 * most + 2];
    for count in 0..=most {
        for k in (most - count..=most + count).step_by(2) {
            let down =
                k == most - count || (k != most + count && furthest[k - 1] < furthest[k + 1]);
            let mut x = if down { furthest[k + 1] } else { furthest[k - 1] + 1 };
            // The diagonal is that of x - y.
            while x + most >= k
                && x < old.len()
                && x + most - k < new.len()
                && old[x] == new[x + most - k]
            {
                x += 1;
            }
            furthest[k] = x;
            if x >= old.len() && x + most >= k && x + most - k >= new.len() {
                return count;
            }
        }
    }
    most
}

#[test]
fn lines_are_counted() {
    assert_eq!(changed("", ""), 0);
    assert_eq!(changed("a\nb\n", "a\nb\n"), 0);
    assert_eq!(changed("a\nb", "a\nb\n"), 2);
    assert_eq!(changed("a\nb\nc\n", "a\nc\n"), 1);
    assert_eq!(changed("a\nb\nc\n", "x\na\nc\ny\n"), 3);
    assert_eq!(changed("a\nb\nc\na\nb\nb\na\n", "c\nb\na\nb\na\nc\n"), 5);
}
