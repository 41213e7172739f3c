//! Quantities: what is read prints as something that reads the same.

use nodeplan::io::quantity::{self, QuantityError};

/// Reads the text as every kind of quantity.
pub fn run(data: &[u8]) {
    let text = &String::from_utf8_lossy(data);
    if let Some(cpu) = read(quantity::cpu(text)) {
        assert_eq!(quantity::cpu(&cpu.to_string()), Ok(cpu), "CPU {text:?}");
    }
    if let Some(memory) = read(quantity::memory(text)) {
        assert_eq!(quantity::memory(&memory.to_string()), Ok(memory), "memory {text:?}");
    }
    if let Some(count) = read(quantity::count(text)) {
        assert_eq!(quantity::count(&count.to_string()), Ok(count), "count {text:?}");
    }
    if let Some(percent) = read(quantity::percent(text)) {
        assert_eq!(quantity::percent(&format!("{percent}%")), Ok(percent), "percent {text:?}");
    }
    if let Some(factor) = read(quantity::factor(text)) {
        let shown = format!("{}.{:03}", factor.0 / 1000, factor.0 % 1000);
        assert_eq!(quantity::factor(&shown), Ok(factor), "factor {text:?}");
    }
    let _ = quantity::in_parts_of_a_byte(text);
}

/// The value, or a fault that can be told.
fn read<T>(result: Result<T, QuantityError>) -> Option<T> {
    result
        .inspect_err(|error| {
            assert!(!error.to_string().is_empty());
            assert!(error.help().is_none_or(|help| !help.is_empty()), "{error}");
        })
        .ok()
}
