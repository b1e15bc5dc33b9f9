//! Medians and an interval.

/// The middle one; the mean of the two in the middle of an even number. NaN of nothing.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

/// A value with its 95 % interval.
#[derive(Debug, Clone, Copy)]
pub struct Interval {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// The mean and its 95 % interval by Student's t; `None` for fewer than two values.
pub fn interval(values: &[f64]) -> Option<Interval> {
    if values.len() < 2 {
        return None;
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let half = student(count - 1.0) * (variance / count).sqrt();
    Some(Interval { value: mean, low: mean - half, high: mean + half })
}

/// The median and its 95 % interval by the binomial distribution: how many of the values lie below the true median
/// does not depend on how they are distributed, so that one odd value hardly matters. `None` for fewer than six.
pub fn median_interval(values: &[f64]) -> Option<Interval> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len();
    // So many values, and no more, may lie beyond each end: P(at most so many below the median) <= 2.5 %.
    let mut beyond = 0;
    let mut chance = 0.5_f64.powi(i32::try_from(count).ok()?);
    let mut sum = chance;
    while sum <= 0.025 {
        beyond += 1;
        chance *= (count + 1 - beyond) as f64 / beyond as f64;
        sum += chance;
    }
    let low = *sorted.get(beyond.checked_sub(1)?)?;
    let high = sorted[count - beyond];
    Some(Interval { value: median(sorted), low, high })
}

/// The 97.5 % quantile of Student's t by Cornish and Fisher's series (Abramowitz and Stegun, 26.7.5): 2.2621 for 9
/// degrees of freedom (exactly 2.2622), 2.0395 for 31.
fn student(degrees: f64) -> f64 {
    let z: f64 = 1.959_963_985;
    let (z3, z5, z7) = (z.powi(3), z.powi(5), z.powi(7));
    z + (z3 + z) / (4.0 * degrees)
        + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * degrees.powi(2))
        + (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / (384.0 * degrees.powi(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn students_t_as_in_the_tables() {
        for (degrees, value) in [(9.0, 2.262), (29.0, 2.045), (31.0, 2.040), (59.0, 2.001)] {
            assert_eq!((student(degrees) * 1000.0).round() / 1000.0, value, "{degrees}");
        }
    }

    #[test]
    fn the_interval_of_a_known_sample() {
        // Mean 3, standard deviation sqrt(2.5), t(4) = 2.776.
        let Some(found) = interval(&[1.0, 2.0, 3.0, 4.0, 5.0]) else { panic!("two are enough") };
        let rounded = |value: f64| (value * 100.0).round() / 100.0;
        assert_eq!(
            (rounded(found.value), rounded(found.low), rounded(found.high)),
            (3.0, 1.04, 4.96)
        );
        assert!(interval(&[1.0]).is_none());
    }

    #[test]
    fn the_interval_of_a_median() {
        let values = |count: u32| (1..=count).map(f64::from).collect::<Vec<_>>();
        // Order statistics as tabulated: of 30 the 10th and the 21st, of 6 the first and the last.
        let of = |count| median_interval(&values(count)).map(|i| (i.low, i.value, i.high));
        assert_eq!(of(30), Some((10.0, 15.5, 21.0)));
        assert_eq!(of(6), Some((1.0, 3.5, 6.0)));
        assert_eq!(of(5), None);
    }
}
