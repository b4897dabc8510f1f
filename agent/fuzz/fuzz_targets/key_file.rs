//! Key files.

#![no_main]

#[path = "../../tests/hostile/mod.rs"]
#[allow(dead_code, reason = "each target has one of its functions")]
mod hostile;

libfuzzer_sys::fuzz_target!(|text: &str| hostile::key_file(text));
