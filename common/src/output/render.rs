//! Choosing an outputter by name.

use super::{OUTPUTTERS, OutputOptions, nested};
use crate::diag::Diagnostic;
use crate::value::Value;

/// Prints `data` with the named outputter (empty: `nested`; `text` is `txt`), without trailing white space.
///
/// Data that the outputter is not made for is printed by `nested`. The error is an unknown name.
pub fn render(name: &str, data: &Value, options: &OutputOptions) -> Result<String, Diagnostic> {
    let wanted = match name {
        "" => "nested",
        "text" => "txt",
        name => name,
    };
    let Some(outputter) = OUTPUTTERS.iter().find(|outputter| outputter.name == wanted) else {
        let names = || OUTPUTTERS.iter().map(|outputter| outputter.name);
        return Err(Diagnostic::user(format!("unknown outputter '{name}'"))
            .did_you_mean(name, names())
            .help(format!("outputters: {}", names().collect::<Vec<_>>().join(", "))));
    };
    let mut text = (outputter.render)(data, options).or_else(|| nested::render(data, options)).unwrap_or_default();
    text.truncate(text.trim_end().len());
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_get_a_suggestion() {
        let error = render("nestd", &Value::Null, &OutputOptions::default()).unwrap_err().to_string();
        assert!(error.contains("did you mean 'nested'?"), "{error}");
    }

    #[test]
    fn other_data_is_printed_nested() {
        let text = render("highstate", &Value::from(vec![1, 2]), &OutputOptions::default());
        assert_eq!(text.unwrap(), "- 1\n- 2");
    }
}
