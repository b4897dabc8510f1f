//! Datagrams to the client's sockets.

#![no_main]

#[path = "../../tests/hostile/mod.rs"]
#[allow(dead_code, reason = "each target has one of its functions")]
mod hostile;

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostile::replies(data));
