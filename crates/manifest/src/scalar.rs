//! What a scalar means to Kubernetes: the YAML 1.1 rules of `sigs.k8s.io/yaml`, which kubectl and
//! the API server read with (its `goyaml.v2/resolve.go`), and not those of YAML 1.2.

/// A scalar's meaning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'t> {
    /// `null`, `~`, nothing.
    Null,
    /// `true`, and in YAML 1.1 also `yes`, `on`, `y`.
    Bool(bool),
    /// A whole number that fits an `int64`; `1e3` is one when it goes through JSON.
    Int(i64),
    /// Any other number.
    Number,
    /// Text.
    Text(&'t str),
}

impl Value<'_> {
    /// As a message names it.
    pub(crate) fn describe(self, written: &str) -> String {
        match self {
            Self::Null => "empty".to_owned(),
            Self::Bool(_) => format!("the boolean {written}"),
            Self::Int(_) | Self::Number => format!("the number {written}"),
            Self::Text(text) => format!("the text {text:?}"),
        }
    }
}

/// The meaning of a plain scalar.
pub(crate) fn resolve(text: &str) -> Value<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Value::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Value::Bool(false)
        }
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF"
        | "-.inf" | "-.Inf" | "-.INF" => Value::Number,
        _ => number(text).unwrap_or(Value::Text(text)),
    }
}

/// Go's `strconv.ParseInt(s, 0, 64)` without underscores, then the float rule of `resolve.go`.
/// (A date is read as text by `sigs.k8s.io/yaml`.)
fn number(text: &str) -> Option<Value<'_>> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    let plain =
        if text.contains('_') && !text.starts_with('.') { &text.replace('_', "") } else { text };
    let (negative, digits) = match plain.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, plain.strip_prefix('+').unwrap_or(plain)),
    };
    let (radix, digits) = match digits.get(..2) {
        Some("0x" | "0X") => (16, &digits[2..]),
        Some("0b" | "0B") => (2, &digits[2..]),
        Some("0o" | "0O") => (8, &digits[2..]),
        Some(_) if digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    if !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix)) {
        let value = i128::from_str_radix(digits, radix).ok();
        let value = value.map(|value| if negative { -value } else { value });
        return Some(value.and_then(|v| i64::try_from(v).ok()).map_or(Value::Number, Value::Int));
    }
    is_float(plain).then(|| match plain.parse::<f64>() {
        // Go writes a whole float without a point into JSON, and then it is an integer; above
        // 2^53 it is no longer exact.
        #[expect(clippy::cast_possible_truncation, reason = "in range, checked on this line")]
        Ok(value) if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 => {
            Value::Int(value as i64)
        }
        _ => Value::Number,
    })
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`
fn is_float(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let exponent = exponent.map(|exponent| exponent.strip_prefix(['-', '+']).unwrap_or(exponent));
    if exponent.is_some_and(|exponent| exponent.is_empty() || !digits(exponent)) {
        return false;
    }
    match mantissa.split_once('.') {
        Some((whole, fraction)) => {
            digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
        }
        None => !mantissa.is_empty() && digits(mantissa),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_mean_what_goyaml_v2_says() {
        for (text, value) in [
            ("", Value::Null),
            ("~", Value::Null),
            ("yes", Value::Bool(true)),
            ("On", Value::Bool(true)),
            ("y", Value::Bool(true)),
            ("NO", Value::Bool(false)),
            ("oFF", Value::Text("oFF")),
            ("0", Value::Int(0)),
            ("1000", Value::Int(1000)),
            ("-1", Value::Int(-1)),
            ("+1", Value::Int(1)),
            ("1_000", Value::Int(1000)),
            ("0777", Value::Int(511)),
            ("0o777", Value::Int(511)),
            ("0x10", Value::Int(16)),
            ("0b11", Value::Int(3)),
            // No octal number, so the float rule takes it.
            ("08", Value::Int(8)),
            ("1e3", Value::Int(1000)),
            ("1000.0", Value::Int(1000)),
            ("1.5", Value::Number),
            (".5", Value::Number),
            (".inf", Value::Number),
            ("99999999999999999999", Value::Number),
            (".", Value::Text(".")),
            ("-", Value::Text("-")),
            ("1e", Value::Text("1e")),
            ("0x", Value::Text("0x")),
            ("2024-01-01", Value::Text("2024-01-01")),
            ("1.2.3", Value::Text("1.2.3")),
            ("ALL", Value::Text("ALL")),
            ("é0", Value::Text("é0")),
            ("+é", Value::Text("+é")),
        ] {
            assert_eq!(resolve(text), value, "{text:?}");
        }
    }
}
